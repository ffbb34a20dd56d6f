import { useEffect } from "react";
import { Composer } from "./Composer";
import { Icon } from "./Icon";
import { MessageView } from "./MessageView";
import { byTestId, narrow, useEscape } from "./place";
import { channelName } from "./Sidebar";
import { Newest, newestOwn, useStickyEnd, walkMessages } from "./scrolling";
import { joins } from "./Timeline";
import type { Channel, Message, State } from "./types";

interface Props {
  state: State;
  channel: Channel;
  root: Message;
  onClose: () => void;
}

export function Thread({ state, channel, root, onClose }: Props) {
  const replies = state.messages.filter((m) => m.channel === channel.id && m.thread_ts === root.ts && m.ts !== root.ts);
  const count = replies.filter((m) => m.ephemeral_to === null).length;
  const { list, away, toEnd } = useStickyEnd(replies.length, newestOwn(replies, state.me));
  useEscape(onClose);
  // Where Slack puts the cursor; on a phone that would bring up the keyboard.
  useEffect(() => byTestId(narrow() ? "thread-close" : "thread-composer")?.focus(), []);
  return (
    <aside className="pane" data-testid="thread-pane" aria-label="Thread">
      <header>
        <h2>Thread</h2>
        <p>
          {channel.is_im ? "" : "#"}
          {channelName(channel, state)}
        </p>
        <button className="quiet" data-testid="thread-close" onClick={onClose} aria-label="Close thread" title="Close (Esc)">
          <Icon name="close" />
        </button>
      </header>
      <div
        className="messages"
        ref={list}
        tabIndex={0}
        role="log"
        aria-relevant="additions"
        aria-label="Messages in this thread"
        onKeyDown={walkMessages}
      >
        <div>
          <MessageView state={state} message={root} inThread />
          {count > 0 && (
            <div className="count">
              {count} {count === 1 ? "reply" : "replies"}
            </div>
          )}
          {replies.map((message, index) => (
            <MessageView key={message.ts} state={state} message={message} joined={joins(replies[index - 1], message)} inThread />
          ))}
        </div>
      </div>
      {away && <Newest onPress={toEnd} />}
      <Composer state={state} channel={channel} thread={root.ts} label="Reply…" />
    </aside>
  );
}
