"""What the repository itself promises: a small top level, short files, nothing of the machine it was made on."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = {"pyproject.toml", "bot", "workers", "deploy", "tests", "README.md", "Makefile", "LICENSE", "CHANGELOG.md"}
MAX_LINES = 400
BINARY = {".png", ".pcap", ".pcapng", ".gz"}

MACHINE_PATH = re.compile(r"""(?<![\w.:~$}-])/(?:home|Users|root|mnt|build)/[\w.-]+/""")
"""The start of a path in somebody's own folder; `/home:` of a passwd file or a route named so is none."""
URL = re.compile(r"(?:https?|git\+\w+|file)://")


@cache
def files() -> tuple[Path, ...]:
    """Everything that is, or would be, part of a commit."""
    # the tests may run as root in somebody else's checkout
    argv = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout
    return tuple(path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file())


def texts() -> list[tuple[str, str]]:
    """Name and content of each text file but this one."""
    chosen = [path for path in files() if path.suffix not in BINARY and path != Path(__file__).resolve()]
    return [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in chosen]


def test_files_are_found() -> None:
    assert len(files()) > 100


def test_top_level_holds_only_what_is_allowed() -> None:
    top = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {name for name in top if not name.startswith(".")} <= TOP


def test_no_paths_of_a_machine() -> None:
    found = [f"{name}: {match.group()}" for name, text in texts() for match in MACHINE_PATH.finditer(text)]
    assert found == []


@pytest.mark.parametrize("line", ["see /home/jo/x.py", 'ROOT = "/root/a/b"', "(/mnt/disk/deploy)"])
def test_such_paths_would_be_found(line: str) -> None:
    assert MACHINE_PATH.search(line)


def test_locks_hold_hashes_and_no_urls() -> None:
    locks = {name: text for name, text in texts() if name.endswith("package-lock.json")}
    locks |= {name: text for name, text in texts() if re.fullmatch(r"deploy/requirements/\w+\.txt", name)}
    assert len(locks) >= 4
    for name, text in locks.items():
        # a package's homepage or donation page is no source of it
        sources = [line for line in text.splitlines() if URL.search(line) and '"url":' not in line]
        assert sources == [], name
        assert "sha256:" in text or '"integrity": "sha512-' in text, name


def test_every_locked_requirement_is_pinned_and_hashed() -> None:
    for name, text in texts():
        if not re.fullmatch(r"deploy/requirements/\w+\.txt", name):
            continue
        for requirement in re.split(r"\n(?=\S)", text.strip()):
            if not requirement.startswith("#"):
                assert re.match(r"[\w.-]+(\[[\w,]+\])?==\S+.*--hash=sha256:", requirement, re.DOTALL), (
                    name,
                    requirement,
                )


def test_source_files_are_short() -> None:
    long = {
        name: lines
        for name, text in texts()
        if name.startswith(("bot/", "workers/", "deploy/"))
        and not name.startswith("deploy/requirements/")
        and not name.endswith("package-lock.json")
        and (lines := text.count("\n")) > MAX_LINES
    }
    assert long == {}


def test_readme_links_lead_somewhere() -> None:
    for name in ("README.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text()
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        assert [link for link in links if not (ROOT / link).exists()] == [], name
