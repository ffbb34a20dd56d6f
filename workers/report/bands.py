"""The rows of the heat map: which clients and servers, where their packets are counted, and what they are called."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from workers.contract.closeup import PAIRS, CloseUp, Look, Pair
from workers.contract.facts import Conversation
from workers.contract.pictures import Band, HeatMap
from workers.findings.case import Case
from workers.report.labels import brief
from workers.report.tables import troubles

BANDS, COLUMNS = 10, 60
LABEL = 44
"""Characters of both names of a band."""
LEAST_SPAN = 1_000_000
"""Nanoseconds of the whole picture at least: a single packet has no duration."""
MOST_TIME = 1e11
"""Epoch seconds; what is beyond is no time of a capture."""
Ends = tuple[str, str]
"""What people call client and server."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the heat map needs to be looked at, by target."""

    looks: Mapping[int, Look] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    more: int = 0


def wishes(case: Case) -> Wish:
    """The rows, those with trouble first, then the largest; each pair of addresses counts in one capture only."""
    facts = [one for _, one in case.facts if one.packets and 0 <= one.first_at <= one.last_at < MOST_TIME]
    if not facts:
        return Wish()
    groups: dict[Ends, list[tuple[int, Conversation]]] = {}
    for index, one in case.facts:
        for flow in one.conversations:
            groups.setdefault(_ends(case, flow), []).append((index, flow))
    ranked = sorted(groups.items(), key=lambda item: _weight([flow for _, flow in item[1]]), reverse=True)
    pairs: dict[int, list[Pair]] = {}
    taken: set[Pair] = set()
    for row, (_, flows) in enumerate(ranked[:BANDS]):
        for index, flow in flows:
            pair = Pair(flow.client, flow.server, flow.server_port, flow.protocol, row)
            if pair not in taken and len(pairs.get(index, ())) < PAIRS - 2:
                taken.add(pair)
                pairs.setdefault(index, []).append(pair)
    begin = min(one.first_at for one in facts)
    span = max(LEAST_SPAN, round((max(one.last_at for one in facts) - begin) * 1e9))
    rows = min(BANDS, len(ranked))
    looks = {index: Look(round(begin * 1e9), span, COLUMNS, rows, tuple(found)) for index, found in pairs.items()}
    return Wish(looks, tuple(_label(ends) for ends, _ in ranked[:BANDS]), len(ranked) - rows)


def _ends(case: Case, flow: Conversation) -> Ends:
    client = case.name(flow.client).removeprefix("service ")
    server = case.name(flow.server).removeprefix("service ")
    if not flow.server_port:
        return client, f"{server} {flow.protocol}"
    return client, f"{server}:{flow.server_port}" + ("" if flow.protocol == "tcp" else f" {flow.protocol}")


def _label(ends: Ends) -> str:
    client, server = ends
    room = LABEL - min(len(server), LABEL // 2)
    client = brief(client, max(room, LABEL // 2))
    return f"{client} → {brief(server, LABEL - len(client))}"


def _weight(flows: list[Conversation]) -> tuple[int, int]:
    return sum(troubles(flows).values()), sum(flow.client_bytes + flow.server_bytes for flow in flows)


def shown(wish: Wish, seen: Mapping[int, CloseUp]) -> HeatMap | None:
    """The heat map of what was seen; None when nothing was."""
    parts = [(wish.looks[index], seen[index].rows) for index in wish.looks if index in seen]
    if not parts:
        return None
    look = parts[0][0]
    bands = [
        Band(label, _sum(rows[row].bytes for _, rows in parts), _sum(rows[row].problems for _, rows in parts))
        for row, label in enumerate(wish.labels)
    ]
    bands = [band for band in bands if any(band.bytes)]
    return HeatMap(look.start / 1e9, look.span / 1e9 / look.columns, tuple(bands), wish.more) if bands else None


def _sum(columns: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*columns, strict=True)))
