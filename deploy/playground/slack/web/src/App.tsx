import { useEffect, useRef } from "react";
import { Announcer } from "./Announcer";
import { useWorkspace } from "./api";
import { Modal } from "./Modal";
import { byTestId, narrow, useFocusBack, usePlace } from "./place";
import { Scene } from "./Scene";
import { Sidebar, channelName } from "./Sidebar";
import { Switcher } from "./Switcher";
import { Thread } from "./Thread";
import { Timeline } from "./Timeline";
import { useUnread } from "./unread";

const PEOPLE = ["alice", "bob", "carol", "mallory"];

export function App() {
  const [place, go] = usePlace();
  const me = PEOPLE.includes(place.get("user") ?? "") ? place.get("user")! : "alice";
  const { state, live } = useWorkspace(me);
  const wanted = place.get("channel") ?? "incidents";
  const channel = state?.channels.find((c) => c.name === wanted || c.id === wanted) ?? state?.channels[0];
  const tab = place.get("tab") === "home" ? "home" : "messages";
  const [unread, read] = useUnread(state, tab === "messages" ? channel?.id : undefined);
  const thread = place.get("thread");
  const root = thread ? state?.messages.find((m) => m.ts === thread && m.channel === channel?.id) : undefined;
  const scene = !root && place.get("panel") === "scene" && (state?.panels.includes("scene") ?? false);
  useFocusBack(root ? `thread-open-${root.ts}` : scene ? "scene-open" : null);
  const waiting = Object.values(unread).reduce((sum, one) => sum + one.calls, 0);
  const title = state && channel ? `${waiting ? `(${waiting}) ` : ""}${channelName(channel, state)} · Playground` : "Playground";
  useEffect(() => void (document.title = title), [title]);
  const jumped = useRef(false);
  useEffect(() => {
    if (jumped.current) byTestId("composer")?.focus();
    jumped.current = false;
  }, [channel?.id]);
  if (!state) return <p className="loading">Opening the workspace…</p>;
  if (!channel) return <p className="loading">You are in no channel.</p>;
  const view = state.views.at(-1);
  const toChannel = (name: string) =>
    go({ channel: name, thread: null, tab: null, ...(narrow() ? { panel: null } : {}) });
  const jump = (name: string) => {
    jumped.current = true;
    toChannel(name);
  };
  return (
    <div className={root || scene ? "app with-pane" : "app"}>
      <Skips thread={root !== undefined} />
      <Sidebar
        state={state}
        people={PEOPLE}
        current={channel}
        unread={unread}
        live={live}
        scene={scene}
        onChannel={toChannel}
        onPerson={(name) => go({ user: name, thread: null })}
        onScene={() => go(scene ? { panel: null } : { panel: "scene", thread: null })}
      />
      <Timeline
        key={state.me + channel.id}
        state={state}
        channel={channel}
        read={read}
        onThread={(ts) => go({ thread: ts, panel: null })}
        tab={tab}
        onTab={(tab) => go({ tab: tab === "home" ? tab : null, thread: null })}
      />
      {root && (
        <Thread key={root.ts} state={state} channel={channel} root={root} onClose={() => go({ thread: null })} />
      )}
      {scene && <Scene onClose={() => go({ panel: null })} />}
      {view && <Modal key={view.id} state={state} view={view} />}
      <Switcher state={state} onChannel={jump} />
      <Announcer state={state} channel={channel.id} thread={root?.ts ?? null} />
    </div>
  );
}

/** The first stops of the Tab key: past the channels to where one reads and writes. */
function Skips({ thread }: { thread: boolean }) {
  const to = (id: string, label: string) => (
    <button className="skip" onClick={() => byTestId(id)?.focus()}>
      {label}
    </button>
  );
  return (
    <div className="skips" role="navigation" aria-label="Skip">
      {to("messages", "Skip to messages")}
      {to("composer", "Skip to message box")}
      {thread && to("thread-composer", "Skip to thread")}
    </div>
  );
}
