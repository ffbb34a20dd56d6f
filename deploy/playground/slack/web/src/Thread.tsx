import { useEffect } from "react";
import { Composer } from "./Composer";
import { MessageView } from "./MessageView";
import { joins, useStickyEnd } from "./Timeline";
import type { Channel, Message, State } from "./types";

interface Props {
  state: State;
  channel: Channel;
  root: Message;
  onClose: () => void;
}

export function Thread({ state, channel, root, onClose }: Props) {
  const replies = state.messages.filter((m) => m.channel === channel.id && m.thread_ts === root.ts && m.ts !== root.ts);
  const list = useStickyEnd(replies.length);
  useEffect(() => {
    // Escape in a dialog belongs to the dialog.
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) onClose();
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [onClose]);
  return (
    <aside className="thread" data-testid="thread-pane" aria-label="Thread">
      <header>
        <h2>Thread</h2>
        <button className="quiet" data-testid="thread-close" onClick={onClose} aria-label="Close thread">
          ✕
        </button>
      </header>
      <div className="messages" ref={list} tabIndex={0} role="log" aria-label="Messages in this thread">
        <div>
          <MessageView state={state} message={root} inThread />
          {replies.length > 0 && (
            <div className="count">
              {replies.length} {replies.length === 1 ? "reply" : "replies"}
            </div>
          )}
          {replies.map((message, index) => (
            <MessageView key={message.ts} state={state} message={message} joined={joins(replies[index - 1], message)} inThread />
          ))}
        </div>
      </div>
      <Composer state={state} channel={channel} thread={root.ts} label="Reply…" />
    </aside>
  );
}
