import { Avatar } from "./Avatar";
import { Icon } from "./Icon";
import type { Channel, State } from "./types";
import type { Unread } from "./unread";

interface Props {
  state: State;
  people: string[];
  current: Channel;
  unread: Record<string, Unread>;
  live: boolean;
  scene: boolean;
  onChannel: (name: string) => void;
  onPerson: (name: string) => void;
  onScene: () => void;
}

/** A channel's name; the one direct message that each person has is with the app. */
export function channelName(channel: Channel, state: State): string {
  if (!channel.is_im) return channel.name ?? channel.id;
  return state.users.find((user) => user.id === state.bot)?.name ?? "app";
}

export function Sidebar(props: Props) {
  const { state, people, live, scene, onPerson, onScene } = props;
  const me = state.users.find((u) => u.id === state.me);
  const rooms = state.channels.filter((channel) => !channel.is_im);
  return (
    <nav className="sidebar" aria-label="Workspace">
      <header>
        <strong>Playground</strong>
        <span className={live ? "live" : "live off"} role="status">
          {live ? "live" : "reconnecting"}
        </span>
        {state.panels.includes("scene") && (
          <button className="panel-open" data-testid="scene-open" aria-expanded={scene} onClick={onScene}>
            <Icon name="scene" /> Scene
          </button>
        )}
      </header>
      <div className="rooms">
        <Section {...props} title="Channels" channels={rooms} />
        <Section {...props} title="Apps" channels={state.channels.filter((channel) => channel.is_im)} />
      </div>
      <label className="me">
        <Avatar user={me} />
        <span>You are</span>
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

function Section({ title, channels, ...props }: Props & { title: string; channels: Channel[] }) {
  if (channels.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <ul>
        {channels.map((channel) => (
          <Room key={channel.id} channel={channel} {...props} />
        ))}
      </ul>
    </section>
  );
}

function Room({ channel, state, current, unread, onChannel }: Omit<Props, "people"> & { channel: Channel }) {
  const name = channelName(channel, state);
  const { count, calls } = unread[channel.id] ?? { count: 0, calls: 0 };
  const kind = channel.is_im ? "app" : channel.is_private ? "lock" : "hash";
  return (
    <li>
      <button
        className={count ? "unread" : undefined}
        data-testid={`channel-${name}`}
        aria-current={channel.id === current.id ? "page" : undefined}
        onClick={() => onChannel(channel.name || channel.id)}
      >
        <Icon name={kind} size={16} />
        <span className="name">{name}</span>
        {channel.is_private && <span className="unseen">private</span>}
        {channel.is_archived && <small>archived</small>}
        {count > 0 && <span className="unseen">{count} unread</span>}
        {calls > 0 && (
          <span className="calls" aria-hidden="true">
            {calls}
          </span>
        )}
      </button>
    </li>
  );
}
