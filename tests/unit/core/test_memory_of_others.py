"""What lay in memory before the core took it shows in no fact. glibc fills memory with a byte where it is told to."""

import hashlib
import os
import subprocess
import sys

import msgspec
import pytest

from tests.bench.frames import ACK, FILE_HEADER, FIN, RECORD, START, Clock, Tcp
from tests.bench.processes import ROOT
from tests.unit.core.test_compiled_equals_plain import facts
from tests.unit.core.test_handed_on_by_groups import capture


def silent(conversations: int) -> bytes:
    """Handshakes and FINs, of which no parser hears."""
    clock, packets = Clock(), []
    for number in range(conversations):
        tcp = Tcp(clock, 0x0A000001, 0x0A000100, (1_024 + number, 80), [1_000, 5_000])
        for frame in (tcp.syn(0), tcp.syn(1), tcp.segment(0, ACK), tcp.segment(0, FIN | ACK)):
            clock.micros += 100
            at = divmod(clock.micros, 1_000_000)
            packets.append(RECORD.pack(START + at[0], at[1], len(frame), len(frame)) + frame)
    return FILE_HEADER + b"".join(packets)


def told(compiled: bool) -> str:
    """A digest of the facts of some captures."""
    digest = hashlib.sha256()
    for data in (silent(20_000), capture(7, 1_000, 0.02), silent(3_000)):
        digest.update(msgspec.json.encode(facts(data, 1 << 16, compiled=compiled), order="deterministic"))
    return digest.hexdigest()


@pytest.mark.parametrize("fill", [1, 85, 250])  # bytes are filled with its complement
def test_facts_are_those_of_the_plain_core_whatever_memory_held(fill: int) -> None:
    argv = [sys.executable, "-m", "tests.unit.core.test_memory_of_others"]
    environment = {**os.environ, "MALLOC_PERTURB_": str(fill)}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, told(compiled=False)), done.stderr


if __name__ == "__main__":
    print(told(compiled=True))
