"""The wheel: what is in it, and that the program runs from it alone."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "workers", "deploy")
SKIPPED = shutil.ignore_patterns("node_modules", "__pycache__", ".cache", "*.so", "core.c")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build folder appears in the checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=SKIPPED)
    # stands for the sources of other people's packages that lie here after set-up
    stray = source / "deploy/playground/slack/web/node_modules/other"
    stray.mkdir(parents=True)
    (stray / "package.json").write_text("{}")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("dist")
    _run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own; dependencies come from the test environment."""
    target = tmp_path_factory.mktemp("installed")
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index")
    _run(*pip, "--no-deps", "--target", str(target), str(wheel))
    return target


def test_every_module_and_data_file_is_in_it(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for pattern in ("*.py", "*.lua", "*.yaml", "*.conf", "py.typed")
        for path in (ROOT / package).rglob(pattern)
        if "node_modules" not in path.parts
    }
    assert wanted <= inside, sorted(wanted - inside)
    assert "deploy/slack/manifest.yaml" in inside
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    for built in ("index.html", "main.js", "main.css", "main.js.LEGAL.txt"):
        assert f"deploy/playground/slack/web/dist/{built}" in inside


def test_nothing_else_is_in_it(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel).namelist()
    strange = [name for name in inside if not name.startswith((*(f"{each}/" for each in PACKAGES), "threadcap-"))]
    assert strange == []
    assert [name for name in inside if "node_modules" in name or "/web/src/" in name] == []
    assert [name for name in inside if name.startswith("workers/") and name.endswith(".c")] == []
    assert sum(info.file_size for info in zipfile.ZipFile(wheel).infolist()) < 24_000_000


def test_console_script_is_declared(installed: Path) -> None:
    (entry,) = installed.glob("threadcap-*.dist-info/entry_points.txt")
    assert "threadcap = bot.cli:main" in entry.read_text()
    assert (installed / "bin" / "threadcap").exists()


def test_program_runs_from_it(installed: Path) -> None:
    assert _said(installed, "--version") == version("threadcap")
    assert "capture TARGET" in _said(installed, "--help")
    assert "--snaplen N" in _said(installed, "help", "capture")
    code = "import bot.cli, workers.state, deploy.playground.stack as s; print(bot.__file__, s.app_config().commands)"
    where = _run("-c", code, folder=installed)
    assert _run("-c", "import workers.core; print(workers.core.BUILT, workers.__path__)", folder=installed).startswith(
        f"True ['{installed}"
    )
    assert where.startswith(str(installed))
    assert "/capture" in where


def _said(installed: Path, *words: str) -> str:
    return _run("-m", "bot.cli", *words, folder=installed)


def _run(*argv: str, folder: Path | None = None) -> str:
    """Run this Python; with `folder` what is installed there comes first."""
    quick = {"CFLAGS": "-O0"}  # what is compiled is tested elsewhere
    env = {**os.environ, **quick, "PYTHONPATH": str(folder) if folder else "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
