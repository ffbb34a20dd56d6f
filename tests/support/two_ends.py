"""Packets between two pods as captures at both ends see them, with delays, loss and clocks of the caller's choice.

The truth is the clock of the near end. `TwoEnds(...).files()` are two classic pcaps; `far_time` is the far end's clock.
"""

import random
import struct
from dataclasses import dataclass
from pathlib import Path

from workers.export.timebase import Source

START = 1_790_000_000_000_000_000
Seen = tuple[int, bytes]
"""(epoch nanoseconds, frame)"""


def frame(up: bool, ends: tuple[bytes, bytes], number: int, hops: int, identification: int, data: bytes = b"") -> bytes:
    """Ethernet, IPv4 and TCP with timestamps; `ends` are near and far (address, port) as bytes."""
    source, destination = ends if up else ends[::-1]
    options = b"\1\1\x08\x0a" + struct.pack("!II", number // 3, 7)
    tcp = source[4:] + destination[4:] + struct.pack("!IIHHHH", number, 9 + up, 0x8010, 500, 0, 0) + options + data
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), identification, 0x4000, hops, 6, 0)
    return bytes(12) + b"\x08\0" + ip + source[:4] + destination[:4] + tcp


def pcap(
    seen: list[Seen], *, nano: bool = False, order: str = "<", link_type: int = 1, snaplen: int = 262_144
) -> bytes:
    """A classic pcap of frames with times."""
    unit = 1 if nano else 1_000
    parts = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link_type)]
    for time, data in seen:
        seconds, rest = divmod(time, 1_000_000_000)
        kept = data[:snaplen]
        parts.append(struct.pack(order + "IIII", seconds, rest // unit, len(kept), len(data)) + kept)
    return b"".join(parts)


@dataclass(frozen=True)
class TwoEnds:
    """A conversation of `count` questions and answers over `seconds`, planted delays in nanoseconds."""

    seed: int = 1
    count: int = 60
    seconds: float = 10.0
    offset: int = 0
    drift: float = 0.0
    """Seconds the far clock gains a second."""
    up: int = 150_000
    down: int = 90_000
    """Least one-way delays."""
    jitter: int = 2_000_000
    loss: float = 0.0
    copies: float = 0.0
    """Share of packets sent a second time, with the same identification and sequence number."""
    routed: bool = True
    """Whether the TTL falls on the way."""
    translated: bool = True
    """Whether a service address stands for the far end, as the near one sees it."""
    identified: bool = True
    nano: bool = False
    step: int = 0
    """Nanoseconds by which the far clock is set in the middle."""

    def far_time(self, time: int) -> int:
        """The far end's clock at a true time."""
        set_by = self.step if time - START > self.seconds * 5e8 else 0
        return time + self.offset + set_by + round(self.drift * (time - START))

    def seen(self) -> tuple[list[Seen], list[Seen]]:
        """What each end captures, in the order of arrival there."""
        chance = random.Random(self.seed)
        near: list[Seen] = []
        far: list[Seen] = []
        for number in range(self.count):
            asked = START + round(self.seconds * 1e9 * (number + chance.random()) / self.count)
            first = (2 * number + (self.seed << 16)) & 0xFFFF_FFFE
            arrived = self._send(chance, asked, True, first, near, far)
            self._send(chance, arrived + chance.randrange(5_000, 400_000), False, first + 1, near, far)
        return sorted(near), [(self.far_time(time), data) for time, data in sorted(far)]

    def _send(self, chance: random.Random, time: int, up: bool, number: int, near: list[Seen], far: list[Seen]) -> int:
        ends = b"\xc6\x12\0\1\x9c\x40", b"\xc6\x12\1\2\x1f\x90"
        outside = (ends[0], b"\xc0\0\2\7\0\x50") if self.translated else ends
        sent, arrives = (near, far) if up else (far, near)
        views = {id(near): outside, id(far): ends}
        arrived = time
        for copy in range(1 + (chance.random() < self.copies)):
            left = time + copy * chance.randrange(100_000, 200_000_000)
            arrived = left + (self.up if up else self.down) + round(self.jitter * chance.random() ** 3)
            identification = (number + 1 if self.identified else 0) & 0xFFFF
            sent.append((left, frame(up, views[id(sent)], number, 64, identification)))
            if chance.random() >= self.loss:
                hops = 62 if self.routed else 64
                arrives.append((arrived, frame(up, views[id(arrives)], number, hops, identification)))
        return arrived

    def sources(self, folder: Path) -> tuple[Source, Source]:
        """Both captures as files to merge."""
        made = []
        for name, seen in zip(("client", "server"), self.seen(), strict=True):
            path = folder / f"{name}.pcap"
            path.write_bytes(pcap(seen, nano=self.nano))
            made.append(Source(path, f"shop/{name}/app", f"node-{name}", "exec"))
        return made[0], made[1]
