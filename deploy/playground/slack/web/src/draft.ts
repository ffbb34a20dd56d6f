import { useRef, useState } from "react";

const drafts = new Map<string, string>();

/** What is being written at a place, kept while one looks elsewhere. */
export function useDraft(place: string): [string, (text: string) => void] {
  const [text, setText] = useState(drafts.get(place) ?? "");
  const key = useRef(place).current;
  return [
    text,
    (next) => {
      drafts.set(key, next);
      setText(next);
    },
  ];
}
