/** Message ids are seconds since 1970; people read times of their own day. */
export function date(ts: string): Date {
  return new Date(Number(ts) * 1000);
}

export function time(ts: string): string {
  return date(ts).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** Today, Yesterday, or the date as the reader's language writes it. */
export function day(ts: string): string {
  const then = date(ts);
  const ago = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(then).setHours(0, 0, 0, 0)) / 86_400_000);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  return then.toLocaleDateString([], { weekday: "long", month: "long", day: "numeric" });
}

/** A message's time; the whole date is in its title. */
export function Time({ ts, className }: { ts: string; className?: string }) {
  return (
    <time className={className} dateTime={date(ts).toISOString()} title={date(ts).toLocaleString()}>
      {time(ts)}
    </time>
  );
}
