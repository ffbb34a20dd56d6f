// A packet list for previews: number, time, lengths, and one line about each frame.
// Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng, sections 4 (block structure).

import { type Summary, summary } from "./frames";

export interface Packet extends Summary {
  number: number;
  seconds: number;
  captured: number;
  length: number;
}

const LIMIT = 500;

/** Packets of a capture's first bytes, until they end or `LIMIT` are found; null when it is no capture. */
export function packets(bytes: ArrayBuffer): Packet[] | null {
  const view = new DataView(bytes);
  if (view.byteLength < 24) return null;
  for (const little of [true, false]) {
    const magic = view.getUint32(0, little);
    if (magic === 0xa1b2c3d4) return classic(view, little, 1e6);
    if (magic === 0xa1b23c4d) return classic(view, little, 1e9);
  }
  return view.getUint32(0) === 0x0a0d0d0a ? sections(view) : null;
}

function classic(view: DataView, little: boolean, units: number): Packet[] {
  const found: Packet[] = [];
  const link = view.getUint32(20, little) & 0xffff;
  for (let at = 24; at + 16 <= view.byteLength && found.length < LIMIT; ) {
    const captured = view.getUint32(at + 8, little);
    if (captured > 262_144) break;
    const seconds = view.getUint32(at, little) + view.getUint32(at + 4, little) / units;
    const seen = summary(frame(view, at + 16, captured), link);
    found.push({ number: found.length + 1, seconds, captured, length: view.getUint32(at + 12, little), ...seen });
    at += 16 + captured;
  }
  return found;
}

/** The bytes of one frame, as far as they are here. */
function frame(view: DataView, at: number, size: number): DataView {
  return new DataView(view.buffer, view.byteOffset + at, Math.max(0, Math.min(size, view.byteLength - at)));
}

/** if_tsresol (option 9) of an interface description block: units in a second. */
function resolution(view: DataView, from: number, to: number, little: boolean): number {
  for (let at = from; at + 4 <= to; ) {
    const [code, length] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    if (code === 9 && at + 5 <= to) {
      const value = view.getUint8(at + 4);
      return value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value;
    }
    if (code === 0) break;
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return 1e6;
}

function sections(view: DataView): Packet[] {
  const found: Packet[] = [];
  let little = true;
  let interfaces: { units: number; link: number }[] = [];
  for (let at = 0; at + 12 <= view.byteLength && found.length < LIMIT; ) {
    if (view.getUint32(at) === 0x0a0d0d0a) {
      little = view.getUint32(at + 8, true) === 0x1a2b3c4d;
      interfaces = [];
    }
    const [kind, size] = [view.getUint32(at, little), view.getUint32(at + 4, little)];
    if (size < 12 || at + Math.min(size, 32) > view.byteLength) break;
    if (kind === 1) {
      const units = resolution(view, at + 16, Math.min(at + size - 4, view.byteLength), little);
      interfaces.push({ units, link: view.getUint16(at + 8, little) });
    }
    if (kind === 6 && size >= 32) {
      const ticks = view.getUint32(at + 12, little) * 2 ** 32 + view.getUint32(at + 16, little);
      const { units, link } = interfaces[view.getUint32(at + 8, little)] ?? { units: 1e6, link: -1 };
      const [captured, length] = [view.getUint32(at + 20, little), view.getUint32(at + 24, little)];
      const seen = summary(frame(view, at + 28, captured), link);
      found.push({ number: found.length + 1, seconds: ticks / units, captured, length, ...seen });
    }
    at += size;
  }
  return found;
}
