import { useRef, useState } from "react";
import { act, upload } from "./api";
import { Menu } from "./Menu";
import type { Channel, State } from "./types";

interface Props {
  state: State;
  channel: Channel;
  thread?: string;
  label: string;
}

interface Suggestion {
  insert: string;
  hint: string;
}

/** What could complete `text`: commands at its start (not in threads), people after an @. */
function suggest(text: string, state: State, inThread: boolean): Suggestion[] {
  if (!inThread && /^\/\S*$/.test(text))
    return Object.entries(state.commands)
      .filter(([command]) => command.startsWith(text))
      .map(([command, hint]) => ({ insert: command + " ", hint }));
  const mention = /(?:^|\s)@(\w*)$/.exec(text);
  if (!mention) return [];
  return state.users
    .filter((user) => user.name.startsWith(mention[1]!))
    .map((user) => ({ insert: text.slice(0, text.length - mention[1]!.length) + user.name + " ", hint: user.real_name }));
}

export function Composer({ state, channel, thread, label }: Props) {
  const [text, setText] = useState("");
  const [error, setError] = useState<string | null>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const prefix = thread ? "thread-" : "";
  const suggestions = suggest(text, state, thread !== undefined);

  const send = async () => {
    const said = text.trim();
    if (!said) return;
    setText("");
    const body = { user: state.me, channel: channel.id, text: said, ...(thread ? { thread_ts: thread } : {}) };
    const refused = await act("message", body);
    setError(refused);
    if (refused) setText(said);
  };
  const shortcuts = state.shortcuts.filter((one) => one.type === "global");
  const run = async (callback: string) => setError(await act("shortcut", { user: state.me, callback_id: callback }));
  const complete = (suggestion: Suggestion) => {
    setText(suggestion.insert);
    box.current?.focus();
  };
  const key = (event: React.KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      void send();
    } else if (event.key === "Tab" && suggestions[0]) {
      event.preventDefault();
      complete(suggestions[0]);
    }
  };
  if (channel.is_archived) return <p className="composer note">This channel is archived: it can be read, not written to.</p>;
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {error && <p role="alert">{error}</p>}
      {suggestions.length > 0 && (
        <ul className="suggestions" aria-label="Suggestions, Tab takes the first">
          {suggestions.map((one) => (
            <li key={one.insert}>
              <button type="button" onClick={() => complete(one)}>
                <b>{one.insert.trim().split(" ").at(-1)}</b> <span>{one.hint}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="box">
        <textarea
          ref={box}
          data-testid={thread ? "thread-composer" : "composer"}
          aria-label={label}
          placeholder={label}
          rows={Math.min(6, text.split("\n").length)}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={key}
        />
        {shortcuts.length > 0 && (
          <Menu
            className="shortcuts"
            label="Shortcuts"
            testid={`${prefix}shortcuts`}
            items={shortcuts.map((one) => ({ key: one.callback_id, label: one.name, hint: one.description, take: () => void run(one.callback_id) }))}
          >
            <span aria-hidden="true">⚡</span>
          </Menu>
        )}
        <label className="attach" title="Attach a file">
          <span aria-hidden="true">+</span>
          <input
            type="file"
            aria-label="Attach a file"
            data-testid={`${prefix}upload`}
            onChange={async (event) => {
              const file = event.target.files?.[0];
              if (file) setError(await upload(state.me, channel.id, file, thread));
            }}
          />
        </label>
        <button data-testid={`${prefix}send`} disabled={!text.trim()}>
          Send
        </button>
      </div>
    </form>
  );
}
