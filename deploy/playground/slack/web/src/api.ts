import { useCallback, useEffect, useState } from "react";
import type { Json, Message, State } from "./types";

// Slack's client says these things itself; anything else is shown as the error string it is.
const SENTENCES: Record<string, string> = {
  command_not_allowed_in_thread: "Slash commands are not supported in threads. Mention @threadcap here instead.",
  unknown_command: "That is not a valid command.",
  app_did_not_respond: "The app did not respond. Try again, or ask its developers.",
  is_archived: "This channel is archived.",
  msg_too_long: "Your message is too long to send.",
};

/** POST one action of the page API; its answer. */
export async function ask(action: string, body: Json): Promise<Json> {
  try {
    const answer = await fetch(`/_page/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { ok: false, error: "The workspace did not answer. Is the playground still running?" };
  }
}

/** The same; the refusal as a sentence, or null when it went through. */
export async function act(action: string, body: Json): Promise<string | null> {
  const result = await ask(action, body);
  return result.ok ? null : (SENTENCES[result.error] ?? String(result.error));
}

/** Send one file's bytes, with words beside them, as a message of `user`. */
export async function upload(user: string, channel: string, file: File, text: string, thread?: string): Promise<string | null> {
  const query = new URLSearchParams({ user, channel, name: file.name, text, ...(thread ? { thread_ts: thread } : {}) });
  try {
    const answer = await fetch(`/_page/upload?${query}`, { method: "POST", body: file });
    return answer.ok ? null : `${file.name} was refused.`;
  } catch {
    return `${file.name} could not be sent.`;
  }
}

function upsert(messages: Message[], message: Message): Message[] {
  const at = messages.findIndex((m) => m.ts === message.ts && m.channel === message.channel);
  if (at >= 0) return messages.with(at, message);
  return [...messages, message].sort((a, b) => (a.ts < b.ts ? -1 : 1));
}

function changed(state: State, change: Json): State {
  const message = change.message as Message | undefined;
  if (change.type === "removed" && message)
    return { ...state, messages: state.messages.filter((m) => m.ts !== message.ts) };
  if (message) return { ...state, messages: upsert(state.messages, message) };
  if (change.type === "views") return { ...state, views: change.views, errors: {} };
  if (change.type === "home") return { ...state, home: change.home };
  if (change.type === "view_errors") return { ...state, errors: change.errors };
  return state;
}

/** The workspace as `user` sees it, kept live by server-sent events. */
export function useWorkspace(user: string): { state: State | null; live: boolean } {
  const [state, setState] = useState<State | null>(null);
  const [live, setLive] = useState(false);
  const load = useCallback(async () => {
    const answer = await fetch(`/_page/state?user=${user}`);
    setState(await answer.json());
  }, [user]);
  useEffect(() => {
    const events = new EventSource(`/_page/events?user=${user}`);
    // Listening first, loading after: a change in between is applied twice rather than lost.
    events.onopen = () => {
      setLive(true);
      void load();
    };
    events.onerror = () => setLive(false);
    events.onmessage = (event) => {
      const change: Json = JSON.parse(event.data);
      if (change.type === "reset" || change.type === "channel") void load();
      else setState((old) => old && changed(old, change));
    };
    return () => events.close();
  }, [user, load]);
  return { state, live };
}
