"""What was measured beside what issue 5 asks for: rows for people, from the figures that the benchmarks noted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Found = Mapping[str, Mapping[str, float]]
"""Benchmark -> figure's name -> figure, as in build/bench.json."""


@dataclass(frozen=True)
class Row:
    """One line of the table. `value` may miss a figure: its peer or its bench did not run."""

    what: str
    asked: float
    value: Callable[[Found], float]
    unit: str = "x"
    at_most: bool = False
    alone: Callable[[Found], float] | None = None
    """The same with TCP facts alone; None where that is no question."""

    def words(self, found: Found) -> tuple[str, str, str, str]:
        """What, asked, measured with all facts, and with TCP facts alone; marked where it falls short."""
        bound = "at most" if self.at_most else "at least"
        alone = self._measured(self.alone, found) if self.alone else ""
        return self.what, f"{bound} {self.asked:g} {self.unit}", self._measured(self.value, found), alone

    def _measured(self, figure: Callable[[Found], float], found: Found) -> str:
        try:
            value = figure(found)
        except KeyError:
            return "not measured"
        short = value > self.asked if self.at_most else value < self.asked
        shown = f"{value:.3g}" if value < 1_000 else f"{value:,.0f}"
        return f"{shown} {self.unit}{', short' if short else ''}"


def _against(peer: str, capture: str, ours: str = "ours_cpu_s") -> Callable[[Found], float]:
    return lambda found: found[capture][f"{peer}_cpu_s"] / found[capture][ours]


def _figure(bench: str, name: str) -> Callable[[Found], float]:
    return lambda found: found[bench][name]


def _rate(bench: str, feeding: str) -> Callable[[Found], float]:
    return lambda found: found[bench]["packets"] / found[bench][feeding] / 1e6


_PEERS = {
    "tshark": ("tshark -q -z conv,tcp", 25.0),
    "scapy": ("scapy PcapReader", 800.0),
    "nfstream": ("nfstream", 18.0),
    "tcptrace": ("tcptrace -l -r", 3.5),
    "capinfos": ("capinfos -cdszu", 0.6),
}
ROWS = (
    *(
        Row(
            f"times as fast as {name}, {kind}",
            asked,
            _figure(f"analysis_{kind}", f"{peer}_ratio"),
            alone=_figure(f"analysis_{kind}", f"{peer}_tcp_ratio"),
        )
        for peer, (name, asked) in _PEERS.items()
        for kind in ("mixed", "small")
    ),
    *(
        Row(
            f"in-process against capinfos, {kind}",
            1.5,
            _against("capinfos", f"analysis_{kind}", "feed_s"),
            alone=_against("capinfos", f"analysis_{kind}", "tcp_feed_s"),
        )
        for kind in ("mixed", "small")
    ),
    Row("times as fast as tshark, flood of a million conversations", 15, _against("tshark", "analysis_flood")),
    *(
        Row(
            f"in-process, {kind}",
            5,
            _rate(f"analysis_{kind}", "feed_s"),
            "million packets/s",
            alone=_rate(f"analysis_{kind}", "tcp_feed_s"),
        )
        for kind in ("mixed", "small", "bulk")
    ),
    *(
        Row(f"memory of the analyser, {kind}", 80, _figure(f"analysis_{kind}", "ours_mb"), "MB", True)
        for kind in ("mixed", "small", "flood", "stream")
    ),
    Row("memory of `threadcap analyze --json`, mixed", 128, _figure("analysis_mixed", "analyze_mb"), "MB", True),
    Row("last byte to verdict, mixed", 0.5, _figure("analysis_mixed", "verdict_s"), "s", True),
    Row("start of the terminal's program", 0.3, _figure("cli_start_json", "wall_s"), "s", True),
)
"""Times are whole processes' CPU time but where a row says in-process; `stream` is the one of 10 GB."""


def lines(found: Found) -> list[tuple[str, str, str, str]]:
    """What, asked, measured, and measured with TCP facts alone: each row in words."""
    return [row.words(found) for row in ROWS]
