"""The product's JSON logs as sentences."""

import json
from pathlib import Path

import pytest

from deploy.playground.log_lines import LogLine, read_line, sentence, tail


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"event": "bot_ready", "mode": "socket", "process": "bot"}, "Bot ready (mode socket)."),
        ({"event": "job left", "job": "a1", "state": "done", "epoch": 1}, "Job left (job a1, state done)."),
        (
            {"event": "job failed", "job": "a1", "code": "bad_filter", "cause": "None", "error": "No such filter."},
            "Job failed (job a1, code bad_filter): No such filter.",
        ),
        ({"event": "swept", "said": ["one", "two"], "job": "a1"}, "Swept (said one, two, job a1)."),
        ({"event": "job crashed", "exception": "Traceback …\nValueError: bad\n"}, "Job crashed: ValueError: bad"),
        (
            {"event": "Task threadcap.run[33e1e1ef-b265-4298-b4b9-19a0931393ac] succeeded in 7.321027776s: None"},
            "Task threadcap.run succeeded in 7.32s.",
        ),
        ({"event": "a warning\n  in lines"}, "A warning in lines."),
        ({"event": ""}, "."),
    ],
)
def test_entry_is_said_in_plain_words(entry: dict[str, object], said: str) -> None:
    assert sentence({**entry, "level": "info", "logger": "x", "timestamp": "2026-01-02T03:04:05Z"}) == said


def test_level_and_time_are_kept_and_other_lines_are_shown_as_they_are() -> None:
    line = json.dumps({"event": "lease lost", "level": "warning", "timestamp": "2026-01-02T03:04:05Z"})
    assert read_line(line) == LogLine("2026-01-02T03:04:05Z", "warning", "Lease lost.")
    for odd in ("Killed", "[1, 2]", '{"half": '):
        assert read_line(odd) == LogLine("", "info", odd)


def test_tail_ends_with_the_newest_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "worker-1.log"
    log.write_text("".join(f"line {number}\n" for number in range(40_000)) + "half")
    assert [line.text for line in tail(log, lines=3)] == ["line 39997", "line 39998", "line 39999"]
    few = tail(log, lines=1_000_000)
    assert len(few) < 40_000
    assert all(line.text.startswith("line ") for line in few)


def test_tail_of_an_empty_log_is_empty(tmp_path: Path) -> None:
    log = tmp_path / "bot-1.log"
    log.write_text("")
    assert tail(log) == []
