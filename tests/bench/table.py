"""What was measured beside what issue 5 asks for: rows for people, from the figures that the benchmarks noted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.bench.hostile import EVERYTHING, KINDS

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
    asked_alone: bool = False
    """What is asked for is asked with TCP facts alone, as the peer has no protocols' facts either."""
    which: Callable[[Found], str] | None = None
    """Of what the figure is, where it is the largest of several."""

    def words(self, found: Found) -> tuple[str, str, str, str]:
        """What, asked, measured with all facts, and with TCP facts alone: bold what is comparable, and whether it falls
        short."""
        bound = "at most" if self.at_most else "at least"
        alone = self._measured(self.alone, found, self.asked_alone) if self.alone else ""
        every = self._measured(self.value, found, not self.asked_alone)
        if self.which is not None and self.which(found):
            every += f" ({self.which(found)})"
        return self.what, f"{bound} {self.asked:g} {self.unit}", every, alone

    def _measured(self, figure: Callable[[Found], float], found: Found, asked: bool) -> str:
        try:
            value = figure(found)
        except KeyError:
            return "not measured"
        short = value > self.asked if self.at_most else value < self.asked
        shown = f"{value:.3g}" if value < 1_000 else f"{value:,.0f}"
        return f"**{shown} {self.unit}**{', short' if short else ''}" if asked else f"{shown} {self.unit}"


def _against(peer: str, capture: str, ours: str = "ours_cpu_s") -> Callable[[Found], float]:
    return lambda found: found[capture][f"{peer}_cpu_s"] / found[capture][ours]


def _figure(bench: str, name: str) -> Callable[[Found], float]:
    return lambda found: found[bench][name]


def _rate(bench: str, feeding: str) -> Callable[[Found], float]:
    return lambda found: found[bench]["packets"] / found[bench][feeding] / 1e6


def _hungriest(found: Found) -> str:
    """The hostile capture of one kind that takes the most memory; none before they are measured."""
    taken = {kind: size for kind, size in found.get("hostile", {}).items() if kind != EVERYTHING}
    return max(taken, key=taken.__getitem__, default="")


_PEERS = {
    "tshark": ("tshark -q -z conv,tcp", 25.0, False),
    "scapy": ("scapy PcapReader", 800.0, True),
    "nfstream": ("nfstream", 18.0, False),
    "tcptrace": ("tcptrace -l -r", 3.5, True),
    "capinfos": ("capinfos -cdszu", 0.6, True),
}
"""Peer -> what is run, the ratio that is asked for, and whether with TCP facts alone: tshark and nfstream dissect the
protocols of all they read, scapy packet by packet without streams, tcptrace knows TCP alone, and capinfos counts."""
ROWS = (
    *(
        Row(
            f"times as fast as {name}, {kind}",
            asked,
            _figure(f"analysis_{kind}", f"{peer}_ratio"),
            alone=_figure(f"analysis_{kind}", f"{peer}_tcp_ratio"),
            asked_alone=alone,
        )
        for peer, (name, asked, alone) in _PEERS.items()
        for kind in ("mixed", "small")
    ),
    *(
        Row(
            f"in-process against capinfos, {kind}",
            1.5,
            _against("capinfos", f"analysis_{kind}", "feed_s"),
            alone=_against("capinfos", f"analysis_{kind}", "tcp_feed_s"),
            asked_alone=True,
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
            asked_alone=True,
        )
        for kind in ("mixed", "small", "bulk")
    ),
    *(
        Row(f"memory of the analyser, {kind}", 80, _figure(f"analysis_{kind}", "ours_mb"), "MB", True)
        for kind in ("mixed", "small", "flood", "stream")
    ),
    Row("memory of `threadcap analyze --json`, mixed", 128, _figure("analysis_mixed", "analyze_mb"), "MB", True),
    Row(
        f"most memory of `threadcap analyze --json`, {len(KINDS)} hostile captures",
        80,
        lambda found: found["hostile"][_hungriest(found)],
        "MB",
        True,
        which=_hungriest,
    ),
    Row("memory of it, all that is hostile at once", 128, _figure("hostile", EVERYTHING), "MB", True),
    Row("last byte to verdict, mixed", 0.5, _figure("analysis_mixed", "verdict_s"), "s", True),
    Row("start of the terminal's program", 0.3, _figure("cli_start_json", "wall_s"), "s", True),
)
"""Times are whole processes' CPU time but where a row says in-process; `stream` is the one of 10 GB."""


def lines(found: Found) -> list[tuple[str, str, str, str]]:
    """What, asked, measured, and measured with TCP facts alone: each row in words."""
    return [row.words(found) for row in ROWS]
