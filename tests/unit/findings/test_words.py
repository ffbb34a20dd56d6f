"""Figures and names as people read them."""

import pytest

from workers.findings import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00002, "under 0.1 ms"),
        (0.0004, "0.4 ms"),
        (0.0351, "35 ms"),
        (0.9996, "1 s"),
        (1.84, "1.8 s"),
        (125.0, "2 min 5 s"),
        (7260.0, "2 h 1 min"),
        (8 * 86_400.0, "8 days"),
        (None, "?"),
        (float("nan"), "?"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_names_from_traffic_are_made_safe() -> None:
    assert words.safe("checkout-7d9f") == "checkout-7d9f"
    assert words.safe("evil\u202egnp.exe\x1b[31m") == "evil\\u202egnp.exe\\u001b[31m"
    assert words.safe("b\u00fccher") == "b\\u00fccher"
    assert len(words.safe("x" * 10**6)) <= words.MAX_NAME + 3


def test_counts_and_shares() -> None:
    assert words.of(1, 1, "request") == "the only request"
    assert words.of(3, 1200, "request") == "3 of 1,200 requests"
    assert words.percent(1, 250) == "0.4 %"
    assert words.percent(1, 0) == "0 %"
    assert words.size(1_234_567) == "1.2 MB"
    assert words.size(999) == "999 B"
    assert words.listing(["a", "b", "b", "c", "d"]) == "a, b, c and 1 more"
    assert words.day(float("inf")) == "?"
