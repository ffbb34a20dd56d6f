// Shapes of the page API (see the Python package's docstring). Blocks stay loose: Slack owns their schema.
export type Json = Record<string, any>;

export interface User {
  id: string;
  name: string;
  real_name: string;
  role: string;
  is_bot: boolean;
}

export interface Channel {
  id: string;
  name?: string;
  is_im: boolean;
  is_private: boolean;
  is_archived: boolean;
  has_bot: boolean;
  user?: string;
  topic?: { value: string };
}

export interface SlackFile {
  id: string;
  name?: string;
  title?: string;
  size?: number;
  mimetype?: string;
  mode: string;
  url_private?: string;
  url_private_download?: string;
  alt_txt?: string;
}

export interface Message {
  ts: string;
  channel: string;
  user: string;
  text: string;
  thread_ts?: string;
  subtype?: string;
  bot_id?: string;
  blocks?: Json[];
  files?: SlackFile[];
  edited?: { user: string; ts: string };
  ephemeral_to: string | null;
  reactions?: { name: string; users: string[]; count: number }[];
}

export interface State {
  me: string;
  bot: string;
  users: User[];
  channels: Channel[];
  messages: Message[];
  commands: Record<string, string>;
  descriptions: Record<string, string>;
  shortcuts: { name: string; type: string; callback_id: string; description?: string }[];
  views: Json[];
  home: Json | null;
  home_enabled: boolean;
  panels: string[];
  errors?: Record<string, string>;
}

export const isReply = (m: Message): boolean => m.thread_ts !== undefined && m.thread_ts !== m.ts;
