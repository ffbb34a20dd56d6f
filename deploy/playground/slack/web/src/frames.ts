// One line about a frame for the packet list: addresses, protocol, ports and flags. A look, no analysis; the worker
// does that. Sources: RFC 791, 8200, 9293, 768; link types as tcpdump.org lists them.

export interface Summary {
  from: string;
  to: string;
  protocol: string;
  info: string;
}

const UNKNOWN: Summary = { from: "", to: "", protocol: "?", info: "" };
const FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
const PROTOCOLS: Record<number, string> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP" };
/** Hop-by-hop, routing and destination options: next header, then length in units of 8 bytes. */
const EXTENSIONS = [0, 43, 60];

/** Where the network layer begins and which it is (EtherType), by link type; null when we don't know that type. */
function network(view: DataView, link: number): [at: number, type: number] | null {
  if (link === 276) return [20, view.getUint16(0)];
  if (link === 113) return [16, view.getUint16(14)];
  if (link === 1) {
    const tagged = view.getUint16(12) === 0x8100;
    return tagged ? [18, view.getUint16(16)] : [14, view.getUint16(12)];
  }
  const at = link === 0 ? 4 : 0;
  if (![0, 12, 14, 101, 228, 229].includes(link)) return null;
  return [at, view.getUint8(at) >> 4 === 6 ? 0x86dd : 0x0800];
}

function v4(view: DataView, at: number): string {
  return [0, 1, 2, 3].map((byte) => view.getUint8(at + byte)).join(".");
}

function v6(view: DataView, at: number): string {
  const words = Array.from({ length: 8 }, (_, word) => view.getUint16(at + 2 * word).toString(16));
  const text = words.join(":");
  // the longest run of zeros is left out, the first of equals (RFC 5952)
  const runs = [...text.matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length);
  if (!runs[0]) return text;
  const [before, after] = [text.slice(0, runs[0].index), text.slice(runs[0].index + runs[0][0].length)];
  return `${before.replace(/:$/, "")}::${after.replace(/^:/, "")}`;
}

/** The first line of a request or an answer, when the payload begins with one. */
function httpLine(view: DataView, at: number): string | null {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, Math.min(120, view.byteLength - at));
  const line = String.fromCharCode(...bytes).split("\r\n")[0]!;
  return /^(?:[A-Z]{3,7} \S+ HTTP\/1|HTTP\/1\.[01] \d{3})/.test(line) ? line : null;
}

function tcp(view: DataView, at: number, end: number): Pick<Summary, "protocol" | "info"> {
  const data = at + (view.getUint8(at + 12) >> 4) * 4;
  const set = FLAGS.filter((_, bit) => view.getUint8(at + 13) & (1 << bit));
  const http = data < view.byteLength ? httpLine(view, data) : null;
  const info = `${view.getUint16(at)} → ${view.getUint16(at + 2)} [${set.join(", ")}] ${Math.max(0, end - data)} bytes`;
  return http ? { protocol: "HTTP", info: http } : { protocol: "TCP", info };
}

function udp(view: DataView, at: number): Pick<Summary, "protocol" | "info"> {
  const ports = [view.getUint16(at), view.getUint16(at + 2)];
  const info = `${ports.join(" → ")} ${Math.max(0, view.getUint16(at + 4) - 8)} bytes`;
  return { protocol: ports.includes(53) ? "DNS" : "UDP", info };
}

function transport(view: DataView, kind: number, at: number, end: number): Pick<Summary, "protocol" | "info"> {
  if (kind === 6) return tcp(view, at, end);
  if (kind === 17) return udp(view, at);
  return { protocol: PROTOCOLS[kind] ?? `IP ${kind}`, info: "" };
}

function ip(view: DataView, at: number): Summary {
  const ends = { from: v4(view, at + 12), to: v4(view, at + 16) };
  const [size, kind] = [(view.getUint8(at) & 15) * 4, view.getUint8(at + 9)];
  const later = (view.getUint16(at + 6) & 0x1fff) > 0;
  if (later) return { ...ends, protocol: PROTOCOLS[kind] ?? "IP", info: "a later fragment" };
  return { ...ends, ...transport(view, kind, at + size, at + view.getUint16(at + 2)) };
}

function ip6(view: DataView, at: number): Summary {
  const ends = { from: v6(view, at + 8), to: v6(view, at + 24) };
  const end = at + 40 + view.getUint16(at + 4);
  let [kind, next] = [view.getUint8(at + 6), at + 40];
  while (EXTENSIONS.includes(kind)) [kind, next] = [view.getUint8(next), next + 8 + view.getUint8(next + 1) * 8];
  return { ...ends, ...transport(view, kind, next, end) };
}

/** What the list says about one frame; what was cut off or is unknown is left out, never an error. */
export function summary(frame: DataView, link: number): Summary {
  try {
    const found = network(frame, link);
    if (found?.[1] === 0x0800) return ip(frame, found[0]);
    if (found?.[1] === 0x86dd) return ip6(frame, found[0]);
    if (found?.[1] === 0x0806) return { ...UNKNOWN, protocol: "ARP" };
    return UNKNOWN;
  } catch (error) {
    if (error instanceof RangeError) return { ...UNKNOWN, info: "too short to read" };
    throw error;
  }
}
