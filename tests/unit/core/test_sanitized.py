"""The compiled core with the address and undefined-behaviour sanitizers, over every capture, hostile ones included."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer")


def _run(*argv: str, **more: object) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_no_byte_is_read_or_written_that_is_not_its_own(tmp_path: Path) -> None:
    # what takes bytes by their address is built again; where parsers do not, their compiler checks every bound
    shutil.copytree(ROOT / "workers", tmp_path / "workers", ignore=shutil.ignore_patterns("core.*.so", "__pycache__"))
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    core = tmp_path / "workers/core/core.pyx"
    typed = [*(tmp_path / "workers/packets").glob("*.pxd"), *(tmp_path / "workers/analysis").glob("*.pxd")]
    unchecked = [path.with_suffix(".py") for path in typed if "unsigned char" in path.read_text()]
    for source in (core, *unchecked):
        made, built = source.with_suffix(".c"), source.with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX")))
        _run(sys.executable, "-m", "cython", "-3", "-I", str(core.parent), str(source), "-o", str(made), cwd=tmp_path)
        include = f"-I{sysconfig.get_path('include')}"
        _run("gcc", "-O1", "-g", "-fPIC", "-shared", *SANITIZERS, include, str(made), "-o", str(built))
    libraries = " ".join(_run("gcc", f"-print-file-name={name}.so").strip() for name in ("libasan", "libubsan"))
    # memory comes from malloc alone: else the sanitizers see only Python's large pieces
    more = {"LD_PRELOAD": libraries, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    env = {**os.environ, **more, "PYTHONPATH": str(tmp_path)}
    said = _run(sys.executable, "-m", "tests.unit.core.sanitized", str(tmp_path), cwd=tmp_path, env=env)
    print(said)
