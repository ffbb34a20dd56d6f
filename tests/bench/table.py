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

    def measured(self, found: Found) -> float | None:
        """None where it was not."""
        try:
            return self.value(found)
        except KeyError:
            return None

    def words(self, found: Found) -> tuple[str, str, str]:
        """What, asked, measured; marked where it falls short."""
        bound, value = "at most" if self.at_most else "at least", self.measured(found)
        if value is None:
            return self.what, f"{bound} {self.asked:g} {self.unit}", "not measured"
        short = value > self.asked if self.at_most else value < self.asked
        return self.what, f"{bound} {self.asked:g} {self.unit}", f"{value:.3g} {self.unit}{', short' if short else ''}"


def _against(peer: str, capture: str, ours: str = "ours_cpu_s") -> Callable[[Found], float]:
    return lambda found: found[capture][f"{peer}_cpu_s"] / found[capture][ours]


def _figure(bench: str, name: str) -> Callable[[Found], float]:
    return lambda found: found[bench][name]


def _rate(bench: str) -> Callable[[Found], float]:
    return lambda found: found[bench]["packets"] / found[bench]["feed_s"] / 1e6


_PEERS = {
    "tshark": ("tshark -q -z conv,tcp", 25.0),
    "scapy": ("scapy PcapReader", 800.0),
    "nfstream": ("nfstream", 18.0),
    "tcptrace": ("tcptrace -l -r", 3.5),
    "capinfos": ("capinfos -cdszu", 0.6),
}
ROWS = (
    *(
        Row(f"times as fast as {name}, {kind}", asked, _against(peer, f"analysis_{kind}"))
        for peer, (name, asked) in _PEERS.items()
        for kind in ("mixed", "small")
    ),
    *(
        Row(f"in-process against capinfos, {kind}", 1.5, _against("capinfos", f"analysis_{kind}", "feed_s"))
        for kind in ("mixed", "small")
    ),
    Row("times as fast as tshark, flood of a million conversations", 15, _against("tshark", "analysis_flood")),
    *(
        Row(f"in-process, {kind}", 5, _rate(f"analysis_{kind}"), "million packets/s")
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


def lines(found: Found) -> list[tuple[str, str, str]]:
    """What, asked, measured: each row in words."""
    return [row.words(found) for row in ROWS]
