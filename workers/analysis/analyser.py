"""The stages put together: records -> packets -> conversations -> protocols -> `Facts`."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from workers.analysis.flows import busiest
from workers.analysis.limits import approximations
from workers.analysis.samples import NANO
from workers.analysis.stages import Stages
from workers.contract.facts import Comment, Facts
from workers.core import BUILT
from workers.packets.capture import CaptureReader

if TYPE_CHECKING:
    from workers.analysis.compiled import CompiledCore
    from workers.analysis.plain import PlainCore


class Analyser:
    """feed(chunk) as bytes arrive, progress() and peek() at any time, finish() once.

    Any chunking of the same bytes gives the same facts. Nothing a capture holds raises.
    """

    def __init__(self, *, compiled: bool = BUILT) -> None:
        self._reader = CaptureReader()
        self._stages = Stages()
        self._core = _core(self._stages, compiled)
        self._finished = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the capture file."""
        for buffer, records in self._reader.feed(chunk):
            self._core.batch(buffer, records)

    def progress(self) -> tuple[int, int]:
        """Packets so far, and their bytes on the wire."""
        return self._core.frames, self._core.wire

    def peek(self) -> Facts:
        """The facts so far, as if the capture ended here; any number of times, of a capture that is not compressed.

        Costs a copy of what is remembered: about 0.2 ms a TCP conversation. By pickle, four times as fast as deepcopy.
        """
        import pickle

        twin: Analyser = pickle.loads(pickle.dumps(self, pickle.HIGHEST_PROTOCOL))  # noqa: S301 - bytes of our own
        return replace(twin.finish(), error=self._reader.error)

    def finish(self) -> Facts:
        """The facts; callable once, also when the stream was cut off."""
        assert not self._finished, "finish() is callable once"
        self._finished = True
        self._reader.close()
        core, stages = self._core, self._stages
        core.close()
        dns, ntp, dhcp = stages.dns.finish(core.last), stages.ntp.finish(core.last), stages.dhcp.finish(core.last)
        facts = Facts(
            format=self._reader.format,
            link_types=self._reader.link_types,
            packets=core.frames,
            wire_bytes=core.wire,
            captured_bytes=core.captured,
            cut_packets=core.cut,
            snaplen=self._reader.snaplen,
            first_at=core.first * NANO,
            last_at=core.last * NANO,
            backwards=core.back * NANO,
            error=self._reader.error,
            counts=self._counts(),
            ports=busiest(core.ports),
            conversations=stages.keeper.conversations(),
            dns=dns,
            http=stages.http.finish(stages.applications.http2.finish()),
            tls=stages.tls.finish(),
            quic=stages.quic.finish(),
            services=stages.services.finish(),
            ntp=ntp,
            dhcp=dhcp,
            icmp_errors=stages.icmp.finish(),
            timeline=stages.timeline.finish(core.bins),
            comments=tuple(Comment(frame, text) for frame, text in self._reader.comments),
            more_comments=self._reader.more_comments,
        )
        facts = replace(facts, more_conversations=core.ended - len(facts.conversations))
        return replace(facts, approximations=approximations(facts, self._left_out()))

    def _left_out(self) -> dict[str, int]:
        """How often each bound was met, by name."""
        core, stages = self._core, self._stages
        return {
            "cut_at": core.cut_at,
            "evicted": core.evicted,
            "fragments": core.fragments,
            "dns": stages.dns.beyond,
            "dns_forgotten": stages.dns.forgotten,
            "dns_addresses": stages.dns.addresses.forgotten,
            "http": stages.http.beyond,
            "http_not_captured": stages.http.not_captured,
            "http_unkept": stages.http.unkept,
            "http2": stages.applications.http2.beyond,
            "http2_heavy": stages.applications.http2.room.refused,
            "http2_unread": stages.applications.http2.unread,
            "http2_hidden": stages.applications.http2.hidden,
            "http2_forgotten": stages.applications.http2.forgotten,
            "services": stages.services.beyond,
            "services_forgotten": stages.services.forgotten,
            "services_not_captured": stages.services.not_captured,
            "ntp": stages.ntp.beyond,
            "dhcp": stages.dhcp.beyond,
            "udp_forgotten": stages.ntp.forgotten + stages.dhcp.forgotten,
            "icmp": stages.icmp.beyond,
            "quic": stages.quic.beyond,
            "certificates": stages.tls.certificates.unread,
            "held": sum(room.refused for room in stages.applications.rooms),
            "untimed": self._reader.untimed,
        }

    def _counts(self) -> dict[str, int]:
        core, counts = self._core, self._core.counts
        for stage in ("complete", "unanswered", "refused", "half-open", "unseen", "unjudged"):
            counts["tcp_" + stage.replace("-", "_")] = core.handshakes.get(stage, 0)
        counts["tcp_connections"] = sum(core.handshakes.get(stage, 0) for stage in _OPENED)
        counts["conversations"] = core.opened
        counts["dns_unjudged"] = self._stages.dns.unjudged
        counts["http_unjudged"] = self._stages.http.unjudged
        counts["services_unjudged"] = self._stages.services.unjudged
        counts["ntp_unjudged"] = self._stages.ntp.unjudged
        counts["dhcp_unjudged"] = self._stages.dhcp.unjudged
        return counts


def _core(stages: Stages, compiled: bool) -> "CompiledCore | PlainCore":
    """Only the one that is needed is loaded."""
    if compiled:
        from workers.analysis.compiled import CompiledCore

        return CompiledCore(stages)
    from workers.analysis.plain import PlainCore

    return PlainCore(stages)


_OPENED = ("complete", "unanswered", "refused", "half-open")
