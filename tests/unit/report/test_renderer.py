"""Charts are drawn in a process of their own, and whatever happens there the caller goes on."""

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.report.test_charts import album, timeline
from workers.report.renderer import Renderer, Renderers


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as one:
        yield one


def process_of(renderer: Renderer) -> int:
    assert renderer._process is not None
    return renderer._process.pid


def test_draws_and_keeps_its_process(renderer: Renderer) -> None:
    first = renderer.render(album(timeline()))
    pid = process_of(renderer)
    assert [name for name, _, _ in first] == ["traffic.png", "latency.png", "percentiles.png"]
    assert first[0][2].startswith(b"\x89PNG")
    assert renderer.render(album(timeline())) == first
    assert process_of(renderer) == pid


def test_process_has_no_credentials_and_a_memory_limit(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADCAP_SLACK_BOT_TOKEN", "secret")
    with Renderer() as fresh:
        assert fresh.render(album(timeline()))
        where = Path(f"/proc/{process_of(fresh)}")
        assert b"secret" not in (where / "environ").read_bytes()
        limit = next(
            line for line in (where / "limits").read_text().splitlines() if line.startswith("Max address space")
        )
        assert "unlimited" not in limit


def test_killed_process_costs_one_set_of_charts(renderer: Renderer, caplog: pytest.LogCaptureFixture) -> None:
    assert renderer.render(album(timeline()))
    before = process_of(renderer)
    os.kill(before, 9)
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    renderer.render(album(timeline()))
    assert renderer.render(album(timeline()))
    assert process_of(renderer) != before


def test_too_slow_is_no_charts_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with Renderer() as cold, caplog.at_level(logging.WARNING):
        assert cold.render(album(timeline()), timeout=0.01) == []
        assert "charts failed" in caplog.text
        assert cold.render(album(timeline()))


def test_full_queue_gives_up_at_once(caplog: pytest.LogCaptureFixture) -> None:
    with Renderer(waiting=0) as narrow, caplog.at_level(logging.WARNING):
        results: list[int] = []
        threads = [
            threading.Thread(target=lambda: results.append(len(narrow.render(album(timeline()))))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert max(results) == 3
        assert results.count(0) + results.count(3) == 4
        assert ("too many are waiting" in caplog.text) == (0 in results)


def test_closing_leaves_no_process_and_no_folder() -> None:
    one = Renderer()
    assert one.render(album(timeline()))
    pid, home = process_of(one), Path(one._home.name)
    one.close()
    assert not home.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_second_process_draws_only_while_the_first_is_busy() -> None:
    several = Renderers(most=2)
    try:
        assert several.render(album(timeline()))
        assert several.render(album(timeline()))
        assert [one._process is not None for one in several._all][1:] in ([], [False])
        drawn: list[object] = []
        threads = [threading.Thread(target=lambda: drawn.append(several.render(album(timeline())))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert all(drawn)
        assert len(drawn) == 4
        assert all(one._process is not None for one in several._all)
    finally:
        several.close()
