import { useEffect, useRef } from "react";
import { Composer } from "./Composer";
import { Home, Tabs } from "./Home";
import { MessageView } from "./MessageView";
import { channelName } from "./Sidebar";
import { type Channel, type Message, type State, isReply } from "./types";

/** Keeps a list at its end while one is reading there, and leaves it alone when one has scrolled up. */
export function useStickyEnd(count: unknown): React.RefObject<HTMLDivElement | null> {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const note = () => (atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 80);
    // Pictures and charts grow after they are laid out: follow the content's size, not only its count.
    const grown = new ResizeObserver(() => atEnd.current && element.scrollTo({ top: element.scrollHeight }));
    element.addEventListener("scroll", note);
    grown.observe(element.firstElementChild ?? element);
    return () => {
      element.removeEventListener("scroll", note);
      grown.disconnect();
    };
  }, []);
  useEffect(() => {
    if (atEnd.current) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [count]);
  return list;
}

interface Props {
  state: State;
  channel: Channel;
  onThread: (ts: string) => void;
  tab: "home" | "messages";
  onTab: (tab: "home" | "messages") => void;
}

/** A channel; the app's conversation has a Home tab beside its messages, when the app has one. */
export function Timeline({ state, channel, onThread, tab, onTab }: Props) {
  const name = channelName(channel, state);
  const tabbed = channel.is_im && state.home_enabled;
  return (
    <main className="timeline">
      <header>
        <h1>
          {channel.is_im ? "" : "#"}
          {name}
        </h1>
        {tabbed && <Tabs current={tab} onTab={onTab} />}
        <p>{channel.topic?.value}</p>
        {!channel.has_bot && <p className="note">@threadcap is not in this channel: it hears nothing here.</p>}
      </header>
      {tabbed && tab === "home" ? (
        <Home state={state} />
      ) : (
        <Messages state={state} channel={channel} name={name} onThread={onThread} />
      )}
    </main>
  );
}

function Messages({ state, channel, name, onThread }: Omit<Props, "tab" | "onTab"> & { name: string }) {
  const all = state.messages.filter((m) => m.channel === channel.id);
  const top = all.filter((m) => !isReply(m) || m.subtype === "thread_broadcast");
  const replies = Map.groupBy(
    all.filter((m) => isReply(m) && m.ephemeral_to === null),
    (m) => m.thread_ts!,
  );
  const list = useStickyEnd(top.length);
  return (
    <>
      <div className="messages" ref={list} tabIndex={0} role="log" aria-label={`Messages in ${name}`}>
        <div>
          {top.length === 0 && <Empty command={Object.keys(state.commands)[0]} />}
          {top.map((message, index) => (
            <MessageView
              key={message.ts}
              state={state}
              message={message}
              joined={joins(top[index - 1], message)}
              replies={replies.get(message.ts) ?? []}
              onThread={() => onThread(message.thread_ts ?? message.ts)}
            />
          ))}
        </div>
      </div>
      <Composer state={state} channel={channel} label={`Message ${channel.is_im ? "" : "#"}${name}`} />
    </>
  );
}

/** Whether `message` follows `before` so closely that the name need not be said again. */
export function joins(before: Message | undefined, message: Message): boolean {
  if (!before || before.user !== message.user || message.ephemeral_to || before.ephemeral_to) return false;
  return Number(message.ts) - Number(before.ts) < 300 && !before.thread_ts && !message.bot_id;
}

function Empty({ command }: { command: string | undefined }) {
  return (
    <div className="empty">
      <p>Nothing here yet.</p>
      <p>
        Type <code>{command} deploy/checkout -n shop port 5432 for 30s</code>, or mention <code>@threadcap</code>.
      </p>
    </div>
  );
}
