"""What is compiled must be built of the sources beside it: else every other test would test something else."""

import hashlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.with_suffix("") for path in (ROOT / "workers").glob("*/*.pxd"))
LOCK = ROOT / "deploy" / "requirements" / "dev.txt"


def test_there_are_some() -> None:
    assert ROOT / "workers" / "analysis" / "http" in MODULES


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(ROOT)))
def test_typed_modules_are_compiled(module: Path) -> None:
    assert any(module.with_name(module.name + suffix).exists() for suffix in EXTENSION_SUFFIXES)


def test_what_is_compiled_is_built_of_these_sources() -> None:
    """As deploy/setup.sh has it, which builds all of it when this digest changes."""
    core = [path for path in sorted((ROOT / "workers" / "core").glob("*.p[yx]*")) if path.is_file()]
    typed = [path for module in MODULES for path in (module.with_suffix(".pxd"), module.with_suffix(".py"))]
    words = sorted((ROOT / "workers" / "packets" / "words").glob("*.p[xy]*"))
    sources = [LOCK, ROOT / "pyproject.toml", *core, *typed, *words]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    built = (ROOT / ".venv" / ".stamp-test").read_text().strip()
    assert built == digest, "older than its sources: run deploy/setup.sh test"


def test_every_typed_module_is_in_the_wheel() -> None:
    listed = (ROOT / "pyproject.toml").read_text()
    names = [".".join(module.relative_to(ROOT).parts) for module in MODULES]
    assert [name for name in names if f'name = "{name}"' not in listed] == []
