import type { Channel, State } from "./types";

interface Props {
  state: State;
  people: string[];
  current: Channel;
  live: boolean;
  onChannel: (name: string) => void;
  onPerson: (name: string) => void;
}

/** A channel's name; the one direct message that each person has is with the app. */
export function channelName(channel: Channel, state: State): string {
  if (!channel.is_im) return channel.name ?? channel.id;
  return state.users.find((user) => user.id === state.bot)?.name ?? "app";
}

export function Sidebar({ state, people, current, live, onChannel, onPerson }: Props) {
  const me = state.users.find((u) => u.id === state.me);
  return (
    <nav className="sidebar" aria-label="Workspace">
      <header>
        <strong>Playground</strong>
        <span className={live ? "live" : "live off"} role="status">
          {live ? "live" : "reconnecting"}
        </span>
      </header>
      <h2>Channels and messages</h2>
      <ul>
        {state.channels.map((channel) => {
          const name = channelName(channel, state);
          return (
            <li key={channel.id}>
              <button
                data-testid={`channel-${name}`}
                aria-current={channel.id === current.id ? "page" : undefined}
                onClick={() => onChannel(channel.name || channel.id)}
              >
                <span aria-hidden="true">{channel.is_im ? "●" : channel.is_private ? "◆" : "#"}</span> {name}
              </button>
            </li>
          );
        })}
      </ul>
      <label className="me">
        You are
        <select data-testid="me" value={me?.name} onChange={(event) => onPerson(event.target.value)}>
          {people.map((name) => (
            <option key={name} value={name}>
              {name} ({state.users.find((u) => u.name === name)?.role})
            </option>
          ))}
        </select>
      </label>
    </nav>
  );
}
