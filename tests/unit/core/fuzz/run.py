"""Builds the fuzzer, gives it its seeds and runs it: `python -m tests.unit.core.fuzz.run SECONDS`.

Everything is under build/fuzz: the corpus that grew, which the next run goes on with, and `failed/`, the inputs that
broke something (again by `build/fuzz/fuzz FILE`, with the environment of `environment`).
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.unit.core.fuzz.room import MAX_LIVE
from tests.unit.core.test_compiled_equals_plain import SHARED, Traffic
from tests.unit.findings.golden.traffic import GOLDEN
from tests.unit.findings.test_golden import scenes

ROOT = Path(__file__).resolve().parents[4]
BESIDE = ("harness.c", "unsanitized.txt", "uncounted.txt")
BUILD = ROOT / "build" / "fuzz"
MAX_SIZE = 4_096
"""Bytes of an input: some thirty packets."""
TRAFFIC = 64
READ = 50
"""Inputs a second, at least, while the corpus is read."""
ROOM = {"MAX_LIVE": MAX_LIVE, "MAX_EVENTS": 40, "SLOTS": MAX_LIVE + 548, "BUCKETS": 64}
SANITIZERS = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer")


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    code: int
    said: str
    failed: tuple[Path, ...]
    """Inputs that crash, hang or leak."""

    def figure(self, name: str) -> int:
        """One of libFuzzer's final figures, such as number_of_executed_units."""
        return int(re.findall(rf"stat::{name}:\s+(\d+)", self.said)[-1])

    @property
    def covered(self) -> tuple[int, int]:
        """Edges of the core seen, and how many it has."""
        seen, there = re.findall(r"\bcov: (\d+)", self.said), re.findall(r"\((\d+) inline 8-bit", self.said)
        return int(seen[-1]) if seen else 0, int(there[-1])


def build(folder: Path = BUILD) -> Path:
    """Compile the core and the harness with clang; the program."""
    folder.mkdir(parents=True, exist_ok=True)
    sources, made, program = _narrowed(folder / "core"), folder / "core.c", folder / "fuzz"
    name = ("--module-name", "workers.core.core")
    _call(sys.executable, "-m", "cython", "-3", "-I", str(sources), *name, str(sources / "core.pyx"), "-o", str(made))
    python = (f"-I{sysconfig.get_path('include')}", f"-L{sysconfig.get_config_var('LIBDIR')}", "-lpython3.11")
    harness, unsanitized, uncounted = (str(Path(__file__).with_name(name)) for name in BESIDE)
    counted = [f"-D{name}=core_{name}" for name in ("malloc", "calloc", "realloc", "posix_memalign", "free")]
    left_out = (f"-fsanitize-ignorelist={unsanitized}", f"-fsanitize-coverage-ignorelist={uncounted}")
    clang = ("clang", "-O1", "-g", "-w", *SANITIZERS)
    _call(*clang, *left_out, *counted, python[0], "-c", str(made), "-o", str(folder / "core.o"))
    _call(*clang, str(folder / "core.o"), harness, *python, "-o", str(program))
    return program


def _narrowed(folder: Path) -> Path:
    """A copy of the core's sources with less room, so that few packets fill its tables."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "workers" / "core", folder, ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__"))
    structs = folder / "structs.pxi"
    text = structs.read_text()
    for name, room in ROOM.items():
        text, found = re.subn(rf"^(    {name} = )\d+", rf"\g<1>{room}", text, flags=re.MULTILINE)
        assert found == 1, name
    structs.write_text(text)
    return folder


def environment() -> dict[str, str]:
    """What the program needs. Memory comes from malloc alone: else the sanitizers see only Python's large pieces."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), sysconfig.get_path("purelib"))),
        "PYTHONMALLOC": "malloc",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ASAN_OPTIONS": "detect_leaks=0:malloc_context_size=4:quarantine_size_mb=16",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def run(seconds: int, folder: Path = BUILD) -> Ran:
    """Fuzz for so many seconds, and as long as the corpus takes to be read, or until something breaks."""
    program, corpus, failed = build(folder), folder / "corpus", folder / "failed"
    corpus.mkdir(exist_ok=True)
    failed.mkdir(exist_ok=True)
    for name, seed in _seeds():
        (corpus / name).write_bytes(seed)
    seconds += len(list(corpus.iterdir())) // READ
    argv = [
        str(program),
        str(corpus),
        f"-max_total_time={seconds}",
        f"-max_len={MAX_SIZE}",
        f"-artifact_prefix={failed}/",
        "-detect_leaks=0",  # the harness counts; libFuzzer would look through all of Python's memory after each input
        "-timeout=20",
        "-rss_limit_mb=1500",
        "-print_final_stats=1",
    ]
    before = set(failed.iterdir())
    done = subprocess.run(
        argv, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        errors="replace", timeout=seconds + 600,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, tuple(sorted(set(failed.iterdir()) - before)))


def _seeds() -> Iterator[tuple[str, bytes]]:
    """Captures, each with a way of feeding it in front."""
    for number, capture in enumerate(_captures()):
        yield f"seed-{number:04}", bytes([number % 16, number // 16 % 16]) + capture[: MAX_SIZE - 2]


def _captures() -> Iterator[bytes]:
    for seed in range(TRAFFIC):
        yield Traffic(seed).capture(30)
    for golden in GOLDEN:
        for scene in itertools.islice(scenes(golden.make()), 2):
            yield scene.bytes()
    for path in sorted(SHARED.rglob("*")) if SHARED.is_dir() else ():
        if path.is_file() and path.suffix not in (".json", ".md"):
            yield path.read_bytes()


def _call(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    ran = run(int(sys.argv[1]))
    print(ran.said[-6_000:])
    print(f"{ran.figure('number_of_executed_units'):,} inputs, {ran.covered[0]:,} of {ran.covered[1]:,} edges")
    sys.exit(ran.code)
