import { useCallback, useEffect, useRef, useState } from "react";
import { Icon } from "./Icon";
import type { Message } from "./types";

const NEAR = 80;

interface Sticky {
  list: React.RefObject<HTMLDivElement | null>;
  away: boolean;
  toEnd: () => void;
}

/**
 * Keeps a list at its end while one is reading there, and leaves it alone when one has scrolled up (`away`), unless
 * `own` changes: the newest line that is an answer to what one did here oneself.
 */
export function useStickyEnd(count: unknown, own?: string): Sticky {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [away, setAway] = useState(false);
  const toEnd = useCallback(() => void list.current?.scrollTo({ top: list.current.scrollHeight }), []);
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const note = () => {
      atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
      setAway(!atEnd.current);
    };
    // Pictures and charts grow after they are laid out: follow the content's size, not only its count.
    const grown = new ResizeObserver(() => atEnd.current && toEnd());
    element.addEventListener("scroll", note);
    grown.observe(element.firstElementChild ?? element);
    grown.observe(element);
    return () => {
      element.removeEventListener("scroll", note);
      grown.disconnect();
    };
  }, [toEnd]);
  useEffect(() => {
    if (atEnd.current) toEnd();
  }, [count, toEnd]);
  useEffect(() => void toEnd(), [own, toEnd]);
  return { list, away, toEnd };
}

/** The newest line of a list that is one's own, or an answer for one's eyes only. */
export function newestOwn(messages: Message[], me: string): string | undefined {
  return messages.findLast((message) => message.user === me || message.ephemeral_to === me)?.ts;
}

export function Newest({ onPress }: { onPress: () => void }) {
  return (
    <div className="newest">
      <button onClick={onPress} data-testid="newest">
        <Icon name="down" size={14} /> Jump to newest
      </button>
    </div>
  );
}

/** Up and down go from message to message, from the list itself or from a message in it. */
export function walkMessages(event: React.KeyboardEvent<HTMLElement>): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const from = event.target as HTMLElement;
  if (!step || (from !== event.currentTarget && !from.matches("article.message"))) return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>("article.message")];
  const at = all.indexOf(from);
  const to = at < 0 ? all.at(-1) : all[at + step];
  event.preventDefault();
  to?.focus();
}
