"""The table of conversations: those in trouble first, then the largest."""

from bot.messages.text import raw, size
from workers.contract.facts import Conversation, TcpFacts
from workers.contract.report import Report

MAX_ROWS = 15
HEADING = ("From", "To", "Protocol", "Packets", "Bytes", "Resent", "RTT", "Seen")


def conversation_rows(report: Report) -> tuple[list[list[str]], int]:
    """Return the table's rows with the heading first, and how many conversations are not in it."""
    facts = [target.facts for target in report.targets if target.facts is not None]
    found = [conversation for one in facts for conversation in one.conversations]
    found.sort(key=lambda c: (-_trouble(c), -(c.client_bytes + c.server_bytes)))
    more = sum(one.more_conversations for one in facts) + max(0, len(found) - MAX_ROWS)
    return [list(HEADING), *(_row(conversation, report) for conversation in found[:MAX_ROWS])], more


def _row(conversation: Conversation, report: Report) -> list[str]:
    tcp = conversation.tcp
    return [
        _end(conversation.client, 0, report),
        _end(conversation.server, conversation.server_port, report),
        raw(conversation.application or conversation.protocol, 12),
        f"{conversation.client_packets + conversation.server_packets:,}",
        size(conversation.client_bytes + conversation.server_bytes),
        f"{_resent(tcp):,}" if tcp else "-",
        _milliseconds(tcp.handshake_rtt) if tcp and tcp.handshake_rtt is not None else "-",
        _seen(tcp) if tcp else "-",
    ]


def _end(address: str, port: int, report: Report) -> str:
    named = report.names.get(address)
    name = raw(str(named) if named else address, 45)
    return f"[{name}]:{port}" if port and ":" in name else f"{name}:{port}" if port else name


def _resent(tcp: TcpFacts) -> int:
    return tcp.retransmissions_client.count + tcp.retransmissions_server.count


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _seen(tcp: TcpFacts) -> str:
    """Return what went wrong in a few words; what was never captured is "no start seen", not a fault."""
    said = {"unanswered": "no answer", "refused": "refused", "half-open": "half open"}.get(tcp.handshake, "")
    if not tcp.judged:
        said = "just begun"
    words = [said] if said else []
    if tcp.resets and tcp.handshake != "refused":
        words.append("reset")
    if tcp.zero_windows_client.count + tcp.zero_windows_server.count:
        words.append("zero window")
    if not words and tcp.handshake == "unseen":
        words.append("no start seen")
    return ", ".join(words) or "ok"


def _trouble(conversation: Conversation) -> int:
    tcp = conversation.tcp
    if tcp is None:
        return 0
    broken = tcp.judged and tcp.handshake in ("unanswered", "refused", "half-open")
    zero = tcp.zero_windows_client.count + tcp.zero_windows_server.count
    return (1000 if broken else 0) + (500 if tcp.resets else 0) + (200 if zero else 0) + min(100, _resent(tcp))
