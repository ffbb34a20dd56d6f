"""The start line: who is ready waits for the others, but not for ever, and nobody waits for one who won't come."""

import threading
import time

from workers.capture.start_line import StartLine, alone

LONG = 60.0


def _off(line: StartLine, delays: list[float], gone: int = -1) -> list[float]:
    """When each runner may go, given how long each takes to be ready; one of them never is."""
    began: dict[int, float] = {}
    runners = [line.runner() for _ in delays]

    def run(index: int) -> None:
        time.sleep(delays[index])
        if index == gone:
            runners[index].gone()
        else:
            runners[index].ready()
            began[index] = time.monotonic()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(delays))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    return [began[index] for index in sorted(began)]


def test_all_begin_when_the_slowest_is_ready() -> None:
    start = time.monotonic()
    began = _off(StartLine(5), [0.0, 0.0, 0.1, 0.0, 0.5])
    assert min(began) - start >= 0.5
    assert max(began) - min(began) < 0.3


def test_nobody_waits_for_one_that_will_not_come() -> None:
    start = time.monotonic()
    began = _off(StartLine(3), [0.0, 0.0, 0.2], gone=2)
    assert len(began) == 2
    assert time.monotonic() - start < LONG / 2


def test_patience_ends() -> None:
    """The first one that is ready waits so long at most, and so does whoever comes to wait with it."""
    line = StartLine(3, patience=0.3)
    start = time.monotonic()
    began = _off(line, [0.0, 0.1])
    assert all(0.3 <= one - start < LONG / 2 for one in began)


def test_opened_by_a_stop() -> None:
    line = StartLine(2)
    threading.Timer(0.1, line.open).start()
    line.runner().ready()


def test_one_alone_waits_for_nobody() -> None:
    runner = alone()
    runner.ready()
    runner.ready()
    runner.gone()
