import { useEffect, useState } from "react";
import { type Message, type State, isReply } from "./types";

type Reads = Record<string, Record<string, string>>;

const KEY = "read";

function kept(): Reads {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

export interface Unread {
  count: number;
  /** For me: said to me in private, or naming me. */
  calls: number;
}

function isNew(message: Message, state: State, read: string): boolean {
  const top = !isReply(message) || message.subtype === "thread_broadcast";
  return top && message.user !== state.me && message.ts > read;
}

/** What each person has read, by channel, kept in the browser; the channel that is looked at becomes read. */
export function useUnread(state: State | null, open: string | undefined): [Record<string, Unread>, string | undefined] {
  const [reads, setReads] = useState<Reads>(kept);
  const me = state?.me ?? "";
  const newest = state?.messages.findLast((m) => m.channel === open && (!isReply(m) || m.subtype === "thread_broadcast"))?.ts;
  const before = open ? reads[me]?.[open] : undefined;
  useEffect(() => {
    if (!open || !newest || (before && before >= newest)) return;
    const mark = () => {
      if (document.visibilityState !== "visible") return;
      setReads((old) => {
        const next = { ...old, [me]: { ...old[me], [open]: newest } };
        localStorage.setItem(KEY, JSON.stringify(next));
        return next;
      });
    };
    mark();
    document.addEventListener("visibilitychange", mark);
    return () => document.removeEventListener("visibilitychange", mark);
  }, [me, open, newest, before]);
  const found: Record<string, Unread> = {};
  for (const channel of state?.channels ?? []) {
    const fresh = state!.messages.filter(
      (m) => m.channel === channel.id && channel.id !== open && isNew(m, state!, reads[me]?.[channel.id] ?? ""),
    );
    const calls = fresh.filter((m) => channel.is_im || m.text.includes(`<@${me}`));
    found[channel.id] = { count: fresh.length, calls: calls.length };
  }
  return [found, before];
}
