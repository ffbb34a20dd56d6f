import { useState } from "react";
import { Composer } from "./Composer";
import { Home, Tabs } from "./Home";
import { Icon } from "./Icon";
import { MessageView } from "./MessageView";
import { channelName } from "./Sidebar";
import { Newest, newestOwn, useStickyEnd, walkMessages } from "./scrolling";
import { type Channel, type Message, type State, isReply } from "./types";
import { day } from "./when";

interface Props {
  state: State;
  channel: Channel;
  read: string | undefined;
  onThread: (ts: string) => void;
  tab: "home" | "messages";
  onTab: (tab: "home" | "messages") => void;
}

/** A channel; the app's conversation has a Home tab beside its messages, when the app has one. */
export function Timeline({ state, channel, read, onThread, tab, onTab }: Props) {
  const name = channelName(channel, state);
  const tabbed = channel.is_im && state.home_enabled;
  return (
    <main className="timeline">
      <header>
        <h1>
          <Icon name={channel.is_im ? "app" : channel.is_private ? "lock" : "hash"} />
          {name}
        </h1>
        {tabbed && <Tabs current={tab} onTab={onTab} />}
        <p>{channel.topic?.value}</p>
        {!channel.has_bot && <p className="note">@threadcap is not in this channel: it hears nothing here.</p>}
      </header>
      {tabbed && tab === "home" ? (
        <Home state={state} />
      ) : (
        <Messages state={state} channel={channel} read={read} name={name} onThread={onThread} />
      )}
    </main>
  );
}

function Messages({ state, channel, read, name, onThread }: Omit<Props, "tab" | "onTab"> & { name: string }) {
  const [readBefore] = useState(read);
  const all = state.messages.filter((m) => m.channel === channel.id);
  const top = all.filter((m) => !isReply(m) || m.subtype === "thread_broadcast");
  const replies = Map.groupBy(
    all.filter((m) => isReply(m) && m.ephemeral_to === null),
    (m) => m.thread_ts!,
  );
  const firstNew = readBefore ? top.find((m) => m.ts > readBefore && m.user !== state.me) : undefined;
  const { list, away, toEnd } = useStickyEnd(top.length, newestOwn(top, state.me));
  return (
    <>
      <div
        className="messages"
        ref={list}
        tabIndex={0}
        role="log"
        aria-relevant="additions"
        aria-label={`Messages in ${name}`}
        data-testid="messages"
        onKeyDown={walkMessages}
      >
        <div>
          <Beginning channel={channel} name={name} command={Object.keys(state.commands)[0]} />
          {top.map((message, index) => (
            <div key={message.ts}>
              <Divider before={top[index - 1]} message={message} firstNew={message === firstNew} />
              <MessageView
                state={state}
                message={message}
                joined={message !== firstNew && joins(top[index - 1], message)}
                replies={replies.get(message.ts) ?? []}
                onThread={() => onThread(message.thread_ts ?? message.ts)}
              />
            </div>
          ))}
        </div>
      </div>
      {away && <Newest onPress={toEnd} />}
      <Composer state={state} channel={channel} label={`Message ${channel.is_im ? "" : "#"}${name}`} />
    </>
  );
}

/** The line between two days, and above what came since one last looked. */
function Divider({ before, message, firstNew }: { before: Message | undefined; message: Message; firstNew: boolean }) {
  const today = day(message.ts);
  const label = before && day(before.ts) === today ? "" : today;
  if (!label && !firstNew) return null;
  return (
    <div className={firstNew ? "divider new" : "divider"} role="separator" aria-label={firstNew ? "New messages" : label}>
      {label && <span className="day">{label}</span>}
      {firstNew && <span className="mark">New</span>}
    </div>
  );
}

/** Whether `message` follows `before` so closely that the name need not be said again. */
export function joins(before: Message | undefined, message: Message): boolean {
  if (!before || before.user !== message.user || message.ephemeral_to || before.ephemeral_to) return false;
  if (day(before.ts) !== day(message.ts)) return false;
  return Number(message.ts) - Number(before.ts) < 300 && !before.thread_ts && !message.bot_id;
}

/** What stands above a conversation's first message. */
function Beginning({ channel, name, command }: { channel: Channel; name: string; command: string | undefined }) {
  return (
    <div className="beginning">
      <h2>
        {channel.is_im ? "" : "#"}
        {name}
      </h2>
      <p>
        {channel.is_im
          ? `This conversation is just between you and ${name}.`
          : `This is the very beginning of the ${channel.is_private ? "private " : ""}channel #${name}.`}
      </p>
      {channel.has_bot && command && (
        <p>
          Type <code>{command} deploy/checkout -n shop port 8080 for 30s</code>, or mention <code>@threadcap</code>.
        </p>
      )}
    </div>
  );
}
