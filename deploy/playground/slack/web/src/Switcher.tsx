import { useEffect, useRef, useState } from "react";
import { useModal } from "./place";
import { channelName } from "./Sidebar";
import { type Suggestion, useSuggestions } from "./suggest";
import { Suggestions } from "./Suggestions";
import type { State } from "./types";

/** Ctrl or Cmd and K: jump to a conversation by typing its name, as in Slack. */
export function Switcher({ state, onChannel }: { state: State; onChannel: (name: string) => void }) {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      setOpen(true);
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  return open && <Jump state={state} onChannel={onChannel} onClose={() => setOpen(false)} />;
}

function Jump({ state, onChannel, onClose }: { state: State; onChannel: (name: string) => void; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  useModal(dialog);
  const wanted = text.toLowerCase().replace(/^[#@]/, "");
  const list = state.channels
    .map((channel) => ({ word: channelName(channel, state), hint: channel.topic?.value ?? "" }))
    .filter((one) => one.word.includes(wanted));
  const take = ({ word }: Suggestion) => {
    const found = state.channels.find((channel) => channelName(channel, state) === word);
    onClose();
    if (found) onChannel(found.name || found.id);
  };
  const suggesting = useSuggestions({ from: 0, list }, take);
  return (
    <dialog ref={dialog} className="jump" aria-label="Jump to a conversation" data-testid="switcher" onClose={onClose}>
      <input
        role="combobox"
        aria-label="Jump to"
        aria-expanded={list.length > 0}
        aria-controls={list.length > 0 ? suggesting.id : undefined}
        aria-autocomplete="list"
        aria-activedescendant={list.length > 0 ? suggesting.id + suggesting.at : undefined}
        placeholder="Jump to…"
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          suggesting.seen();
        }}
        onKeyDown={(event) => event.key !== "Escape" && suggesting.key(event)}
      />
      <Suggestions of={suggesting} onTake={take} />
      {list.length === 0 && <p className="empty">No conversation is named so.</p>}
    </dialog>
  );
}
