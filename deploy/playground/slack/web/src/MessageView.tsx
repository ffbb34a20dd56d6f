import { useState } from "react";
import { act } from "./api";
import { Blocks, textBlocks } from "./Blocks";
import { FileView } from "./FileView";
import { Menu } from "./Menu";
import type { Message, State, User } from "./types";

interface Props {
  state: State;
  message: Message;
  joined?: boolean;
  inThread?: boolean;
  replies?: Message[];
  onThread?: () => void;
}

const HUES: Record<string, number> = { alice: 268, bob: 205, carol: 150, mallory: 20, threadcap: 225 };

export function time(ts: string): string {
  return new Date(Number(ts) * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

function Avatar({ user, name }: { user: User | undefined; name: string }) {
  const hue = HUES[user?.name ?? ""] ?? 0;
  return (
    <span className={user?.is_bot ? "avatar bot" : "avatar"} style={{ "--hue": hue } as React.CSSProperties} aria-hidden="true">
      {user?.is_bot ? "≋" : name.slice(0, 1)}
    </span>
  );
}

export function MessageView({ state, message, joined, inThread, replies = [], onThread }: Props) {
  const user = state.users.find((u) => u.id === message.user);
  const name = user?.real_name ?? "Slackbot";
  const ephemeral = message.ephemeral_to !== null;
  const blocks = message.blocks?.length ? message.blocks : textBlocks(message.text);
  const last = replies.at(-1);
  return (
    <article
      className={["message", joined ? "joined" : "", ephemeral ? "private" : ""].join(" ")}
      data-testid={inThread ? `thread-message-${message.ts}` : `message-${message.ts}`}
      aria-label={`${name}, ${time(message.ts)}`}
    >
      {joined ? <time className="aside">{time(message.ts)}</time> : <Avatar user={user} name={name} />}
      <div className="content">
        {ephemeral && (
          <p className="only" data-testid="ephemeral">
            Only visible to you
          </p>
        )}
        {!joined && (
          <p className="by">
            <b>{name}</b>
            {user?.is_bot && <span className="badge">APP</span>}
            <time>{time(message.ts)}</time>
          </p>
        )}
        <Blocks state={state} message={message} blocks={blocks} />
        {message.edited && <span className="edited">(edited)</span>}
        {message.files?.map((file) => <FileView key={file.id} file={file} />)}
        {message.reactions?.map((one) => (
          <span className="reaction" key={one.name}>
            :{one.name}: {one.count}
          </span>
        ))}
        {last && (
          <button className="replies" data-testid={`thread-open-${message.ts}`} onClick={onThread}>
            {replies.length} {replies.length === 1 ? "reply" : "replies"} <span>last at {time(last.ts)}</span>
          </button>
        )}
        {!ephemeral && <Shortcuts state={state} message={message} />}
        {onThread && !last && !ephemeral && (
          <button className="reply quiet" data-testid={`thread-open-${message.ts}`} onClick={onThread}>
            Reply in thread
          </button>
        )}
      </div>
    </article>
  );
}

/** The app's message shortcuts, under the message's ⋯ as in Slack. */
function Shortcuts({ state, message }: { state: State; message: Message }) {
  const [error, setError] = useState<string | null>(null);
  const known = state.shortcuts.filter((one) => one.type === "message");
  if (known.length === 0) return null;
  const run = async (callback: string) =>
    setError(await act("shortcut", { user: state.me, callback_id: callback, channel: message.channel, ts: message.ts }));
  return (
    <>
      <Menu
        className="more"
        label="More actions"
        testid={`more-${message.ts}`}
        items={known.map((one) => ({ key: one.callback_id, label: one.name, hint: one.description, take: () => void run(one.callback_id) }))}
      >
        <span aria-hidden="true">⋯</span>
      </Menu>
      {error && <p role="alert">{error}</p>}
    </>
  );
}
