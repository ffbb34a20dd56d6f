import { useId, useState } from "react";
import { channelName } from "./Sidebar";
import type { Channel, State } from "./types";

export interface Suggestion {
  /** What is shown first, and what stands in the box once it is taken. */
  word: string;
  hint: string;
  note?: string | undefined;
}

export interface Found {
  /** Where the word begins that a suggestion would replace; it ends at the caret. */
  from: number;
  list: Suggestion[];
}

const NONE: Found = { from: 0, list: [] };

function people(typed: string, state: State): Suggestion[] {
  const wanted = typed.toLowerCase();
  const fits = (word: string) => word.toLowerCase().startsWith(wanted);
  return state.users
    .filter((user) => user.id !== state.me && (fits(user.name) || user.real_name.split(" ").some(fits)))
    .map((user) => ({ word: `@${user.name}`, hint: user.real_name, note: user.role }));
}

function channels(typed: string, state: State): Suggestion[] {
  const open = (channel: Channel) => !channel.is_im && channelName(channel, state).startsWith(typed.toLowerCase());
  return state.channels.filter(open).map((c) => ({ word: `#${c.name}`, hint: c.topic?.value ?? "" }));
}

/** What could complete the word before the caret: commands at the start (not in threads), people, channels. */
export function suggest(text: string, caret: number, state: State, inThread: boolean): Found {
  const before = text.slice(0, caret);
  if (!inThread && /^\/\S*$/.test(before)) {
    const known = Object.entries(state.commands).filter(([command]) => command.startsWith(before));
    return { from: 0, list: known.map(([word, hint]) => ({ word, hint, note: state.descriptions[word] })) };
  }
  const found = /(?:^|[\s(])([@#])([\w.-]*)$/.exec(before);
  if (!found) return NONE;
  const [, sigil, typed] = found as unknown as [string, string, string];
  return { from: caret - typed.length - 1, list: sigil === "@" ? people(typed, state) : channels(typed, state) };
}

export interface Suggesting extends Found {
  at: number;
  id: string;
  /** Takes arrow keys, Enter, Tab and Escape while there is something to choose; true when it did. */
  key: (event: React.KeyboardEvent) => boolean;
  seen: () => void;
}

/** The list under the caret: which entry is chosen, and what the keys do with it. */
export function useSuggestions(found: Found, take: (one: Suggestion) => void): Suggesting {
  const id = useId();
  const [chosen, setChosen] = useState(0);
  const [dismissed, setDismissed] = useState(false);
  const list = dismissed ? [] : found.list;
  const at = Math.min(chosen, list.length - 1);
  const key = (event: React.KeyboardEvent) => {
    if (list.length === 0 || event.nativeEvent.isComposing) return false;
    if (event.key === "ArrowDown") setChosen((at + 1) % list.length);
    else if (event.key === "ArrowUp") setChosen((at + list.length - 1) % list.length);
    else if (event.key === "Escape") setDismissed(true);
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) take(list[at]!);
    else return false;
    event.preventDefault();
    event.nativeEvent.stopImmediatePropagation();
    return true;
  };
  const seen = () => {
    setChosen(0);
    setDismissed(false);
  };
  return { from: found.from, list, at, id, key, seen };
}
