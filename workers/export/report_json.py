"""A report as JSON: the versioned schema for scripts (`threadcap … --json`, and report.json beside the pcap).

One UTF-8 object, keys sorted, newline at the end. `schema` (1 now) grows when a key changes its meaning or goes;
new keys may appear within a version, readers ignore what they don't know. Times are epoch seconds, durations
seconds, sizes bytes. Numbers that JSON can't hold (NaN, infinity) are null.

- `schema`, `job_id`, `created`
- `packets`, `bytes`, `captured_bytes`, `cut_packets`, `duration_s`, `link_types`, `truncated`, `tcp`, `dns`, `http`,
  `tls`: the figures of all targets together, as workers/export/summary.py explains each of them
- `spec`: what was asked: `target` {`kind`, `name`}, `namespace`, `container`, `filter`, `duration`, `max_packets`,
  `max_bytes`, `snaplen`, `interface`
- `verdict`: one line; `severity`: critical | warning | ok, of the worst finding
- `findings`, worst first, a cause before what follows from it: `rule` (stable id), `severity` (critical | warning |
  note | ok), `confidence` (high | medium | low), `sentence`, `count`, `frames` [{`target`: index into `targets`,
  `frame`: as Wireshark counts, from 1}], `next_step`, `display_filter` (Wireshark), `figures` (name -> number:
  durations in seconds end in `_s`, shares are 0 to 1), `servers` ["address:port"], `facts` (JSON pointers, RFC 6901,
  into this object: the conversations, names and transactions it rests on)
- `targets`, one a captured container: `namespace`, `pod`, `container`, `node`, `pod_ips`, `method`,
  `outcome` (`complete`, `proved`, `reason`, `bytes`, `sha256`, `pod_bytes`, `pod_sha256`, `packets`, tcpdump's
  `captured`, `received`, `kernel_dropped`, `interface_dropped`, `ended_by`, `started_at`, `ended_at`,
  `clock_offset`), `summary` (the same figures of this target alone; null when analysis failed), `facts` (the shape
  of workers/contract/facts.py; null when analysis failed), `analysis_error`,
  `pcap` (the stored file: `name`, `size`, `sha256`, …), `other_ports`
- `names`: address -> {`kind`: pod | service | node | local, or by the traffic dns (the name asked for) | sni (TLS) |
  host (HTTP), `name`, `namespace`, `since`, `until` (0 when not known), `also` (further names of a shared address),
  `former` (who had it before: the same keys)}. Which name a client asked for before it connected: `facts.dns.addresses`
- `tables`: figures as text for people, conversations first: `title`, `columns`, `rows`, `more`, `numeric`
- `notes`: sentences on what the reader must know beside the findings

Strings are as they were on the wire or in the cluster, escaped by JSON only (ASCII): who shows them makes them safe.
"""

import codecs
import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import asdict

from workers.contract.codec import encode
from workers.contract.report import Report
from workers.export.summary import summary

_ESCAPE = "threadcap.json"
_PIECE = 1 << 16
_ENCODER = msgspec.json.Encoder(order="sorted")


def report_json(report: Report) -> Iterator[bytes]:
    """Yield the report as documented above, a member of a target's facts at a time: there may be megabytes."""
    facts = [target.facts for target in report.targets]
    told = asdict(report) | summary([one for one in facts if one is not None])
    told["targets"] = [
        asdict(target) | {"summary": None if one is None else summary([one])}
        for target, one in zip(report.targets, facts, strict=True)
    ]
    yield from _members(told, 0)
    yield b"\n"


def _members(told: dict[str, Any], depth: int) -> Iterator[bytes]:
    """An object so many levels down, a piece a member."""
    before = b"{"
    for key in sorted(told):
        value = told[key]
        yield before + _line(depth + 1) + _text(key, 0) + b": "
        before = b","
        if depth == 0 and key == "targets" and value:
            yield from _targets(value)
        elif depth == 2 and key == "facts" and value is not None:
            yield from _members(asdict(value), depth + 1)
        else:
            yield _text(value, depth + 1)
    yield _line(depth) + b"}"


def _targets(told: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    before = b"["
    for target in told:
        yield before + _line(2)
        before = b","
        yield from _members(target, 2)
    yield _line(1) + b"]"


def _line(depth: int) -> bytes:
    """The beginning of a line so many levels down."""
    return b"\n" + b" " * depth


def _text(value: Any, depth: int) -> bytes:
    """Any value so many levels down."""
    try:
        text = _ENCODER.encode(value)
    except UnicodeEncodeError:  # a name that is no text, as those of files may be
        import json

        text = json.dumps(_plain(encode(value)), indent=1, sort_keys=True, allow_nan=False).encode()
    else:
        text = msgspec.json.format(text if text.isascii() else _ascii(text), indent=1)
    return text.replace(b"\n", _line(depth))


def _ascii(text: bytes) -> bytes:
    """The same without characters that are not ASCII. In pieces, as one of them makes a string twice as large."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return b"".join(decode(piece).encode("ascii", _ESCAPE) for piece in pieces)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """What stands in JSON for characters that are not ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be").hex()
    return "".join([f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)]), error.end


codecs.register_error(_ESCAPE, _escaped)


def _plain(value: Any) -> Any:
    """`value` without floats that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
