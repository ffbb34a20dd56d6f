import { useState } from "react";
import { act } from "./api";
import { Avatar } from "./Avatar";
import { Blocks, textBlocks } from "./Blocks";
import { FileView } from "./FileView";
import { Icon } from "./Icon";
import { type Item, Menu } from "./Menu";
import { QUICK, Reactions } from "./Reactions";
import type { Message, State } from "./types";
import { Time, day, time } from "./when";

interface Props {
  state: State;
  message: Message;
  joined?: boolean;
  inThread?: boolean;
  replies?: Message[];
  onThread?: () => void;
}

export function MessageView({ state, message, joined, inThread, replies = [], onThread }: Props) {
  const user = state.users.find((u) => u.id === message.user);
  const name = user?.real_name ?? "Slackbot";
  const ephemeral = message.ephemeral_to !== null;
  const blocks = message.blocks?.length ? message.blocks : textBlocks(message.text);
  return (
    <article
      className={["message", joined ? "joined" : "", ephemeral ? "private" : ""].join(" ")}
      data-testid={inThread ? `thread-message-${message.ts}` : `message-${message.ts}`}
      aria-label={`${name}, ${time(message.ts)}${ephemeral ? ", only visible to you" : ""}`}
      tabIndex={-1}
    >
      {joined ? <Time ts={message.ts} className="aside" /> : <Avatar user={user} />}
      <div className="content">
        {ephemeral && (
          <p className="only" data-testid="ephemeral">
            <Icon name="eye" size={14} /> Only visible to you
          </p>
        )}
        {!joined && (
          <p className="by">
            <b>{name}</b>
            {user?.is_bot && <span className="badge">APP</span>}
            <Time ts={message.ts} />
          </p>
        )}
        <Blocks state={state} message={message} blocks={blocks} />
        {message.edited && (
          <p className="edited" title={`Edited at ${time(message.edited.ts)}`}>
            (edited)
          </p>
        )}
        {message.files?.map((file) => <FileView key={file.id} file={file} />)}
        <Reactions state={state} message={message} />
        {replies.length > 0 && onThread && <Replies state={state} ts={message.ts} replies={replies} onThread={onThread} />}
      </div>
      {!ephemeral && <Toolbar state={state} message={message} replied={replies.length > 0} onThread={onThread} />}
    </article>
  );
}

function Replies({ state, ts, replies, onThread }: { state: State; ts: string; replies: Message[]; onThread: () => void }) {
  const last = replies.at(-1)!;
  const people = [...new Set(replies.map((reply) => reply.user))].slice(-3);
  return (
    <button className="replies" data-testid={`thread-open-${ts}`} onClick={onThread}>
      {people.map((id) => (
        <Avatar key={id} small user={state.users.find((user) => user.id === id)} />
      ))}
      <b>
        {replies.length} {replies.length === 1 ? "reply" : "replies"}
      </b>{" "}
      <span>
        Last reply {day(last.ts).toLowerCase()} at {time(last.ts)}
      </span>
    </button>
  );
}

interface ToolbarProps {
  state: State;
  message: Message;
  replied: boolean;
  onThread: (() => void) | undefined;
}

/** What can be done with a message: react, reply, the app's shortcuts; shown on hover and focus as in Slack. */
function Toolbar({ state, message, replied, onThread }: ToolbarProps) {
  const [error, setError] = useState<string | null>(null);
  const at = { user: state.me, channel: message.channel, ts: message.ts };
  const react = async (name: string) => setError(await act("react", { ...at, name }));
  const run = async (callback: string) => setError(await act("shortcut", { ...at, callback_id: callback }));
  const reactions: Item[] = Object.entries(QUICK).map(([name, sign]) => ({
    key: name, label: `${sign} ${name.replaceAll("_", " ")}`, take: () => void react(name),
  }));
  const shortcuts: Item[] = state.shortcuts
    .filter((one) => one.type === "message")
    .map((one) => ({ key: one.callback_id, label: one.name, hint: one.description, take: () => void run(one.callback_id) }));
  return (
    <div className="toolbar">
      <Menu label="Add reaction" testid={`react-${message.ts}`} items={reactions}>
        <Icon name="smile" />
      </Menu>
      {onThread && (
        <button
          className="reply"
          data-testid={replied ? `reply-${message.ts}` : `thread-open-${message.ts}`}
          title="Reply in thread"
          aria-label="Reply in thread"
          onClick={onThread}
        >
          <Icon name="reply" />
        </button>
      )}
      {shortcuts.length > 0 && (
        <Menu label="More actions" testid={`more-${message.ts}`} items={shortcuts}>
          <Icon name="more" />
        </Menu>
      )}
      {error && <p role="alert">{error}</p>}
    </div>
  );
}
