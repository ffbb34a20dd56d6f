import { useLayoutEffect, useRef, useState } from "react";
import { act, upload } from "./api";
import { Attach, Chips } from "./Attach";
import { useDraft } from "./draft";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { type Suggestion, suggest, useSuggestions } from "./suggest";
import { Suggestions } from "./Suggestions";
import type { Channel, State } from "./types";

interface Props {
  state: State;
  channel: Channel;
  thread?: string;
  label: string;
}

export function Composer(props: Props) {
  if (props.channel.is_archived)
    return <p className="composer note">This channel is archived: it can be read, not written to.</p>;
  return <OpenComposer {...props} />;
}

/** Sends words and files; false when something was refused, which is then said. */
function useSending({ state, channel, thread }: Props) {
  const [error, setError] = useState<string | null>(null);
  const send = async (text: string, files: File[]): Promise<boolean> => {
    const body = { user: state.me, channel: channel.id, text, ...(thread ? { thread_ts: thread } : {}) };
    let refused = files.length === 0 ? await act("message", body) : null;
    for (const [index, file] of files.entries())
      refused ??= await upload(state.me, channel.id, file, index === 0 ? text : "", thread);
    setError(refused);
    return refused === null;
  };
  return { error, setError, send };
}

function OpenComposer(props: Props) {
  const { state, channel, thread, label } = props;
  const [text, setText] = useDraft(`${state.me} ${channel.id} ${thread ?? ""}`);
  const [caret, setCaret] = useState(text.length);
  const [files, setFiles] = useState<File[]>([]);
  const { error, setError, send } = useSending(props);
  const box = useRef<HTMLTextAreaElement>(null);
  const placed = useRef<number | null>(null);
  const prefix = thread ? "thread-" : "";
  const ready = text.trim() !== "" || files.length > 0;

  const submit = async () => {
    if (!ready) return;
    const [said, sent] = [text, files];
    setText("");
    setFiles([]);
    if (await send(said.trim(), sent)) return;
    setText(said);
    setFiles(sent);
  };
  const take = (one: Suggestion) => {
    const end = found.from + one.word.length + 1;
    const rest = text.slice(caret);
    setText(`${text.slice(0, found.from)}${one.word} ${rest.replace(/^ /, "")}`);
    setCaret(end);
    placed.current = end;
    box.current?.focus();
  };
  const found = suggest(text, caret, state, thread !== undefined);
  const suggesting = useSuggestions(found, take);
  const key = (event: React.KeyboardEvent) => {
    if (suggesting.key(event) || event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void submit();
  };
  useLayoutEffect(() => {
    const area = box.current!;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
    // before the next key is taken, or it would land at the text's end
    if (placed.current !== null) area.setSelectionRange(placed.current, placed.current);
    placed.current = null;
  }, [text]);
  const add = (list: FileList | null) => {
    const given = [...(list ?? [])]; // the list empties when its field does
    setFiles((old) => [...old, ...given]);
  };
  const usage = /^(\/\S+)\s/.exec(text)?.[1];
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        add(event.dataTransfer.files);
      }}
    >
      {error && <p role="alert">{error}</p>}
      <Suggestions of={suggesting} onTake={take} />
      {usage && !thread && state.commands[usage] && (
        <p className="usage" data-testid="usage">
          <b>{usage}</b> {state.commands[usage]}
        </p>
      )}
      <div className="box">
        <textarea
          ref={box}
          data-testid={`${prefix}composer`}
          aria-label={label}
          placeholder={label}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={suggesting.list.length ? suggesting.id : undefined}
          aria-activedescendant={suggesting.list.length ? suggesting.id + suggesting.at : undefined}
          rows={1}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setCaret(event.target.selectionStart);
            suggesting.seen();
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={key}
          onPaste={(event) => event.clipboardData.files.length && add(event.clipboardData.files)}
        />
        <Chips files={files} onRemove={(file) => setFiles(files.filter((one) => one !== file))} />
        <div className="tools">
          <Attach testid={`${prefix}upload`} onFiles={add} />
          <Shortcuts state={state} testid={`${prefix}shortcuts`} onError={setError} />
          <span className="keys" aria-hidden="true">
            {text.trim() && (
              <>
                <b>Shift + Enter</b> for a new line
              </>
            )}
          </span>
          <button className="send" data-testid={`${prefix}send`} disabled={!ready} aria-label="Send" title="Send (Enter)">
            <Icon name="send" />
          </button>
        </div>
      </div>
    </form>
  );
}

/** The app's global shortcuts, under the composer's bolt as in Slack. */
function Shortcuts({ state, testid, onError }: { state: State; testid: string; onError: (said: string | null) => void }) {
  const known = state.shortcuts.filter((one) => one.type === "global");
  if (known.length === 0) return null;
  const run = async (callback: string) => onError(await act("shortcut", { user: state.me, callback_id: callback }));
  return (
    <Menu
      className="shortcuts"
      label="Shortcuts"
      testid={testid}
      items={known.map((one) => ({
        key: one.callback_id, label: one.name, hint: one.description, take: () => void run(one.callback_id),
      }))}
    >
      <Icon name="bolt" />
    </Menu>
  );
}
