"""The compiled core under libFuzzer, with the address and undefined-behaviour sanitizers: no input breaks it.

For THREADCAP_FUZZ_SECONDS, 60 unless it says otherwise. What breaks it is kept in build/fuzz/failed.
"""

import os
import shutil

import pytest

from tests.unit.core.fuzz.run import run

SECONDS = int(os.environ.get("THREADCAP_FUZZ_SECONDS", "60"))


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 900)
def test_no_input_crashes_hangs_leaks_or_differs_from_the_plain_core() -> None:
    assert shutil.which("clang"), "clang is missing: run deploy/setup.sh long"
    ran = run(SECONDS)
    assert not ran.failed, f"{[str(path) for path in ran.failed]}\n{ran.said[-4_000:]}"
    assert ran.code == 0, ran.said[-4_000:]
    seen, there = ran.covered
    print(f"{ran.figure('number_of_executed_units'):,} inputs, {seen:,} of {there:,} edges")
    assert seen > 1_000, "the seeds alone reach more: the core that ran was not the instrumented one"
