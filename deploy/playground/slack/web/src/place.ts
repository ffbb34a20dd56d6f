import { useEffect, useRef, useState } from "react";

type Go = (changes: Record<string, string | null>) => void;

/** Where one is (person, channel, thread, panel) lives in the URL's hash, so a view can be linked and reloaded. */
export function usePlace(): [URLSearchParams, Go] {
  const [hash, setHash] = useState(location.hash.slice(1));
  useEffect(() => {
    const listen = () => setHash(location.hash.slice(1));
    addEventListener("hashchange", listen);
    return () => removeEventListener("hashchange", listen);
  }, []);
  const go: Go = (changes) => {
    const next = new URLSearchParams(location.hash.slice(1));
    for (const [key, value] of Object.entries(changes)) value === null ? next.delete(key) : next.set(key, value);
    location.hash = next.toString();
  };
  return [new URLSearchParams(hash), go];
}

export function byTestId(id: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(`[data-testid="${id}"]`);
}

/** Whether there is room for one pane only, as on a phone. */
export function narrow(): boolean {
  return !matchMedia("(width > 760px)").matches;
}

/** Gives the focus back to what opened the pane (its test id), once the pane is closed. */
export function useFocusBack(opener: string | null): void {
  const before = useRef<string | null>(null);
  useEffect(() => {
    if (before.current && !opener) byTestId(before.current)?.focus();
    before.current = opener;
  }, [opener]);
}

/** Escape closes a pane, unless a dialog, a menu or a list above it takes the key first. */
export function useEscape(close: () => void): void {
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) latest.current();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}

/** Opens a dialog as a modal one; once it is gone the focus is where it was before. */
export function useModal(dialog: React.RefObject<HTMLDialogElement | null>): void {
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => before?.focus();
  }, [dialog]);
}
