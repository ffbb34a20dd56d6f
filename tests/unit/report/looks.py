"""What a picture looks like: its texts, where they are, and which of them lie on each other or outside."""

import itertools
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from workers.report.drawing import STYLE

SLACK = 2.0
"""Pixels that boxes may share: they have room around the letters."""
Box = tuple[str, float, float, float, float]
"""Text, left, bottom, right, top in pixels."""


def texts(figure: Figure) -> list[Box]:
    """Every text that is drawn, as matplotlib draws it."""
    seen: list[Box] = []
    with mpl.rc_context(STYLE):
        canvas = FigureCanvasAgg(figure)
        renderer: Any = canvas.get_renderer()
        draw_text = renderer.draw_text

        def record(gc: Any, x: float, y: float, s: str, *more: Any, mtext: Any = None, **others: Any) -> None:
            if mtext is not None and s.strip():
                box = mtext.get_window_extent(renderer)
                seen.append((mtext.get_text(), box.x0, box.y0, box.x1, box.y1))
            draw_text(gc, x, y, s, *more, mtext=mtext, **others)

        renderer.draw_text = record
        figure.draw(renderer)
    return list(dict.fromkeys(seen))  # a text of two lines is drawn in two pieces


def words(figure: Figure) -> list[str]:
    """The texts alone."""
    return [text for text, *_ in texts(figure)]


def overlaps(figure: Figure) -> list[str]:
    """Texts that lie on each other or leave the picture, as "one | other"."""
    boxes = texts(figure)
    wide, high = figure.bbox.width, figure.bbox.height
    outside = [
        f"{text} | outside"
        for text, left, bottom, right, top in boxes
        if left < -SLACK or bottom < -SLACK or right > wide + SLACK or top > high + SLACK
    ]
    return outside + [f"{a[0]} | {b[0]}" for a, b in itertools.combinations(boxes, 2) if _meet(a, b)]


def _meet(a: Box, b: Box) -> bool:
    return min(a[3], b[3]) - max(a[1], b[1]) > SLACK and min(a[4], b[4]) - max(a[2], b[2]) > SLACK
