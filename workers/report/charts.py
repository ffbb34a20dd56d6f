"""The pictures of a report, for a phone in the hand. Imported by render.py alone, in a process of its own."""

from collections.abc import Callable

import matplotlib as mpl

from workers.contract.pictures import DIRECTIONS, HEAT, LADDER, LATENCY, PERCENTILES, SEQUENCE, TRAFFIC, Album
from workers.report.drawing import STYLE, Drawing, png
from workers.report.heat import heat
from workers.report.ladder import ladder
from workers.report.latency import latency, percentiles
from workers.report.sequence import sequence
from workers.report.traffic import directions, traffic

Chart = tuple[str, str, bytes]
"""(file name, alt text, PNG)."""
PICTURES: dict[str, Callable[[Album], Drawing | None]] = {
    TRAFFIC: traffic,
    LATENCY: latency,
    SEQUENCE: sequence,
    LADDER: ladder,
    DIRECTIONS: directions,
    PERCENTILES: percentiles,
    HEAT: heat,
}
"""In the order in which people get them."""


def drawings(album: Album) -> list[Drawing]:
    """Those of the album's pictures that there is something to draw of. Nothing for a capture without packets."""
    with mpl.rc_context(STYLE):
        made = [draw(album) for name, draw in PICTURES.items() if name in album.names]
    return [one for one in made if one is not None]


def charts(album: Album) -> list[Chart]:
    """The same as PNG files."""
    with mpl.rc_context(STYLE):  # tick labels are made when they are drawn
        return [(name, alt, png(drawn)) for name, alt, drawn in drawings(album)]
