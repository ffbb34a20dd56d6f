"""The table of conversations, those between the same ends put together: trouble first, then the largest."""

from collections import Counter
from collections.abc import Sequence

from bot.messages.text import raw, size
from workers.contract.facts import Conversation, TcpFacts
from workers.contract.report import Report

MAX_ROWS = 15
HEADING = ("From", "To", "Protocol", "Count", "Packets", "Bytes", "Resent", "Slowest RTT", "Seen")
NUMERIC = (3, 4, 5, 6, 7)
_BROKEN = {"unanswered": "not answered", "refused": "refused", "half-open": "half open"}
_WEIGHTS = {"not answered": 1000, "refused": 1000, "half open": 1000, "reset": 500, "zero window": 200}

_Ends = tuple[str, str, str]


def conversation_rows(report: Report) -> tuple[list[list[str]], int]:
    """Return the table's rows with the heading first, and how many conversations are in none of them."""
    facts = [target.facts for target in report.targets if target.facts is not None]
    groups: dict[_Ends, list[Conversation]] = {}
    for conversation in (conversation for one in facts for conversation in one.conversations):
        groups.setdefault(_ends(conversation, report), []).append(conversation)
    ordered = sorted(groups.items(), key=lambda item: _weight(item[1]), reverse=True)
    more = sum(len(group) for _, group in ordered[MAX_ROWS:]) + sum(one.more_conversations for one in facts)
    return [list(HEADING), *([*ends, *_figures(group)] for ends, group in ordered[:MAX_ROWS])], more


def _ends(conversation: Conversation, report: Report) -> _Ends:
    server = _name(conversation.server, report)
    port = conversation.server_port
    bracketed = f"[{server}]" if ":" in server else server
    protocol = raw(conversation.application or conversation.protocol, 12)
    return _name(conversation.client, report), f"{bracketed}:{port}" if port else server, protocol


def _name(address: str, report: Report) -> str:
    named = report.names.get(address)
    return raw(str(named) if named else address, 45)


def _figures(group: Sequence[Conversation]) -> list[str]:
    tcps = [conversation.tcp for conversation in group if conversation.tcp is not None]
    times = [tcp.handshake_rtt for tcp in tcps if tcp.handshake_rtt is not None]
    return [
        f"{len(group):,}",
        f"{sum(c.client_packets + c.server_packets for c in group):,}",
        size(_bytes(group)),
        f"{sum(map(_resent, tcps)):,}" if tcps else "-",
        f"{max(times) * 1000:.1f} ms" if times else "-",
        _seen(tcps) if tcps else "-",
    ]


def _bytes(group: Sequence[Conversation]) -> int:
    return sum(c.client_bytes + c.server_bytes for c in group)


def _resent(tcp: TcpFacts) -> int:
    return tcp.retransmissions_client.count + tcp.retransmissions_server.count


def _troubles(tcp: TcpFacts) -> list[str]:
    """Return what went wrong. A handshake that began in the capture's last second is not judged."""
    found = [_BROKEN[tcp.handshake]] if tcp.judged and tcp.handshake in _BROKEN else []
    if tcp.resets and tcp.handshake != "refused":
        found.append("reset")
    if tcp.zero_windows_client.count + tcp.zero_windows_server.count:
        found.append("zero window")
    return found


def _seen(tcps: Sequence[TcpFacts]) -> str:
    """Return the troubles with how often; a start that was never captured is no fault."""
    counted = Counter(trouble for tcp in tcps for trouble in _troubles(tcp))
    if counted:
        return ", ".join(f"{number:,} {trouble}" for trouble, number in counted.most_common())
    return "no start seen" if all(tcp.handshake == "unseen" for tcp in tcps) else "ok"


def _weight(group: Sequence[Conversation]) -> tuple[int, int]:
    tcps = [conversation.tcp for conversation in group if conversation.tcp is not None]
    trouble = sum(_WEIGHTS[word] for tcp in tcps for word in _troubles(tcp))
    return trouble + sum(min(100, _resent(tcp)) for tcp in tcps), _bytes(group)
