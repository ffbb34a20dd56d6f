import { useEffect, useState } from "react";
import { useWorkspace } from "./api";
import { Modal } from "./Modal";
import { Sidebar } from "./Sidebar";
import { Thread } from "./Thread";
import { Timeline } from "./Timeline";

const PEOPLE = ["alice", "bob", "carol", "mallory"];

/** Where one is (person, channel, thread) lives in the URL's hash, so a view can be linked and reloaded. */
function useHash(): [URLSearchParams, (changes: Record<string, string | null>) => void] {
  const [hash, setHash] = useState(location.hash.slice(1));
  useEffect(() => {
    const listen = () => setHash(location.hash.slice(1));
    addEventListener("hashchange", listen);
    return () => removeEventListener("hashchange", listen);
  }, []);
  const update = (changes: Record<string, string | null>) => {
    const next = new URLSearchParams(location.hash.slice(1));
    for (const [key, value] of Object.entries(changes)) value === null ? next.delete(key) : next.set(key, value);
    location.hash = next.toString();
  };
  return [new URLSearchParams(hash), update];
}

export function App() {
  const [place, go] = useHash();
  const me = PEOPLE.includes(place.get("user") ?? "") ? place.get("user")! : "alice";
  const { state, live } = useWorkspace(me);
  if (!state) return <p className="loading">Opening the workspace…</p>;
  const wanted = place.get("channel") ?? "incidents";
  const channel = state.channels.find((c) => c.name === wanted || c.id === wanted) ?? state.channels[0];
  if (!channel) return <p className="loading">You are in no channel.</p>;
  const thread = place.get("thread");
  const root = thread ? state.messages.find((m) => m.ts === thread && m.channel === channel.id) : undefined;
  const view = state.views.at(-1);
  return (
    <div className={root ? "app with-thread" : "app"}>
      <Sidebar
        state={state}
        people={PEOPLE}
        current={channel}
        live={live}
        onChannel={(name) => go({ channel: name, thread: null, tab: null })}
        onPerson={(name) => go({ user: name, thread: null })}
      />
      <Timeline
        key={channel.id}
        state={state}
        channel={channel}
        onThread={(ts) => go({ thread: ts })}
        tab={place.get("tab") === "home" ? "home" : "messages"}
        onTab={(tab) => go({ tab: tab === "home" ? tab : null, thread: null })}
      />
      {root && (
        <Thread key={root.ts} state={state} channel={channel} root={root} onClose={() => go({ thread: null })} />
      )}
      {view && <Modal key={view.id} state={state} view={view} />}
    </div>
  );
}
