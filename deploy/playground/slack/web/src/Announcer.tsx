import { useEffect, useRef, useState } from "react";
import { channelName } from "./Sidebar";
import { type State, isReply } from "./types";

/** What happens where one is not looking, said to screen readers; what is in view is said by the lists themselves. */
export function Announcer({ state, channel, thread }: { state: State; channel: string; thread: string | null }) {
  const [said, setSaid] = useState("");
  const known = useRef<{ me: string; ts: string } | null>(null);
  useEffect(() => {
    const newest = state.messages.at(-1)?.ts ?? "";
    const before = known.current;
    known.current = { me: state.me, ts: newest };
    if (before?.me !== state.me || newest <= before.ts) return;
    const elsewhere = state.messages.filter((m) => {
      const seen = m.channel === channel && (isReply(m) ? m.thread_ts === thread : true);
      return m.ts > before.ts && m.user !== state.me && !seen;
    });
    const last = elsewhere.at(-1);
    if (!last) return;
    const who = state.users.find((user) => user.id === last.user)?.real_name ?? "Slackbot";
    const where = state.channels.find((one) => one.id === last.channel);
    const place = isReply(last) ? "replied in a thread of" : "wrote in";
    setSaid(where ? `${who} ${place} ${channelName(where, state)}` : "");
  }, [state, channel, thread]);
  return (
    <p className="unseen" role="status" data-testid="announcer">
      {said}
    </p>
  );
}
