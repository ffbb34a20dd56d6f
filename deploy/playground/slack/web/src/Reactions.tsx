import { act } from "./api";
import type { Message, State } from "./types";

/** Reactions at hand; another name is shown as Slack shows emoji that it does not know. */
export const QUICK: Record<string, string> = {
  white_check_mark: "✅", eyes: "👀", raised_hands: "🙌", "+1": "👍", fire: "🔥", thinking_face: "🤔",
};

/** Who reacted how; pressing one adds or takes back one's own. */
export function Reactions({ state, message }: { state: State; message: Message }) {
  if (!message.reactions?.length) return null;
  const names = (users: string[]) =>
    users.map((id) => state.users.find((user) => user.id === id)?.real_name ?? id).join(", ");
  return (
    <div className="reactions">
      {message.reactions.map((one) => (
        <button
          key={one.name}
          className="reaction"
          aria-pressed={one.users.includes(state.me)}
          title={names(one.users)}
          onClick={() => void act("react", { user: state.me, channel: message.channel, ts: message.ts, name: one.name })}
        >
          {QUICK[one.name] ?? `:${one.name}:`} {one.count}
          <span className="unseen">
            {" "}
            {one.name.replaceAll("_", " ")}: {names(one.users)}
          </span>
        </button>
      ))}
    </div>
  );
}
