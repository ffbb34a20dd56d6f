"""On which side packets vanish: what both ends of a conversation saw, and which servers share a trouble."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from workers.contract.facts import Conversation
from workers.findings.case import Case, Talk, tally
from workers.findings.words import listing, plural, ratio

LOSSES, LOSS = 10, 0.03
"""Data packets sent again, and their share, from which on loss takes a visible part of the time."""

SOME = 3
"""Servers from which on it says something that only one, or all of them, show a trouble."""


def fate(case: Case, talks: Sequence[Talk]) -> str:
    """What became of unanswered SYNs, as far as captures at both ends tell; "" when they don't."""
    seen: dict[tuple[str, int], list[tuple[int, Conversation]]] = defaultdict(list)
    for target, facts in case.facts:
        for flow in facts.conversations:
            if flow.protocol == "tcp":
                seen[flow.client, flow.client_port].append((target, flow))
    if any(case.pods.get(t.flow.server) == t.target for t in talks):
        return "; the SYNs did reach the pod"
    elsewhere = [_elsewhere(seen[t.flow.client, t.flow.client_port], t) for t in talks]
    answered = [flow for flows in elsewhere for flow in flows if flow.server_packets > 0]
    if answered:
        names = listing(case.name(flow.server) for flow in answered)
        return f"; {names} did answer, the SYN-ACKs got lost on the way back"
    reached = [flow for flows in elsewhere for flow in flows]
    if reached:
        return f"; the SYNs did reach {listing(case.name(flow.server) for flow in reached)}, which sent no answer"
    watched = [case.pods[t.flow.server] for t in talks if t.flow.server in case.pods]
    if watched and all(_live(case, target) for target in watched):
        return f"; the SYNs never reached {listing(case.pod(i) for i in watched)}, they are dropped on the way"
    return ""


def _elsewhere(seen: Iterable[tuple[int, Conversation]], talk: Talk) -> list[Conversation]:
    """The same conversation as other targets saw it; behind a service the server's address differs."""
    return [flow for target, flow in seen if target != talk.target and abs(flow.first_at - talk.flow.first_at) < 60]


def _live(case: Case, target: int) -> bool:
    facts = case.targets[target].facts
    return facts is not None and facts.packets > 0 and facts.more_conversations <= 0


def lossy(talks: Iterable[Talk]) -> bool:
    """Whether loss is worth its own finding: each repeat costs 200 ms and more."""
    again = sent = 0
    for tcp in (talk.tcp for talk in talks):
        again += tally((tcp.retransmissions_client, tcp.retransmissions_server))
        sent += max(0, tcp.data_segments_client) + max(0, tcp.data_segments_server)
    return again >= LOSSES and ratio(again, sent) >= LOSS


def path(case: Case, bad: Iterable[Talk]) -> str:
    """Where loss is more likely, by which of the servers show it; "" when they don't tell."""
    hit = list(bad)
    targets = {t.target for t in hit}
    of_all: dict[tuple[str, int], int] = defaultdict(int)
    for talk in case.talks:
        if talk.target in targets and talk.flow.client_payload + talk.flow.server_payload > 0:
            of_all[talk.flow.server, talk.flow.server_port] += 1
    ends = {(t.flow.server, t.flow.server_port) for t in hit}
    every = len(of_all.keys() | ends)
    if every < SOME:
        return ""
    if len(ends) == every:
        where = listing((case.pod(i) for i in sorted(targets)), 2)
        return f" It hits all {plural(every, 'server')} alike, so look near {where}: its node, interface or a policer."
    if len(ends) == 1:
        server = case.name(next(iter(ends))[0])
        return f" The other {plural(every - 1, 'server')} show none of it, so look at the side of {server}."
    return ""
