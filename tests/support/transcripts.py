"""Transcripts of a shell: a golden text of commands and what they answer, compared without what changes each time.

A transcript is a text: `$ command` lines, each followed by its output (both streams) and `[exit N]` unless N is 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_AGE = r"(?:\d+y)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?"
_RULES: tuple[tuple[str, str], ...] = (
    (r"\r", ""),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", "<time>"),
    (r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "<time>"),
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uid>"),
    (r"\bcontainerd://[0-9a-f]{64}", "containerd://<id>"),
    (r"\bsha256:[0-9a-f]{64}", "sha256:<digest>"),
    (r"\beyJ[\w-]+\.[\w-]+\.[\w-]+", "<token>"),
    (r"\b(?:198\.1[89]|127)(?:\.\d{1,3}){2}\b", "<ip>"),
    (r"\b2001:db8:[0-9a-f:]+", "<ip>"),
    # Which node a pod is on is the scheduler's business.
    (r"(?<![\w-])node-\d\b", "node-N"),
    # A pod of a ReplicaSet, the set itself, and what generateName appends.
    (r"(?<=-)[0-9a-f]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "<hash>-<suffix>"),
    (r"(?<=-)[bcdf-hj-np-tv-xz24-9]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "<hash>-<suffix>"),
    (r"(?<=[a-z]-)[bcdf-hj-np-tv-xz24-9]{8,10}\b", "<hash>"),
    (r"(?<=debugger-)[bcdfghjklmnpqrstvwxz2456789]{5}\b", "<suffix>"),
    (r"(?<=resourceVersion: \")\d+", "<version>"),
    (r"(?<=Resource Version:)(\s+)\d+", r"\1<version>"),
    (r"\b\d{5,}Ki\b", "<memory>"),
    (r"(?<=Kernel Version:)(\s+)\S+", r"\1<kernel>"),
    (r"(?<=cpu:)(\s+)\d+$", r"\1<cores>"),
    (r"(?<=:)\d{5}\b", "<port>"),
    # Ages stand alone, or as in `2 (5s ago)` and `1s (x2 over 7s)`.
    (rf"(?<![\w/.:=-])(?=\d){_AGE}(?<=[smhdy])(?![\w/.:=-])", "<age>"),
    # Columns are as wide as what they hold.
    (r"(?<=\S)[ \t]{2,}(?=\S)", "  "),
    (r"(?<=\S)[ \t]+$", ""),
    (r"^\s*-{4}.*\n", ""),
)
_COMPILED = tuple((re.compile(pattern, re.MULTILINE), new) for pattern, new in _RULES)


def normalised(text: str, names: Iterable[tuple[str, str]] = ()) -> str:
    """The text without what changes from run to run; `names` are further (word, placeholder) pairs."""
    for word, placeholder in names:
        text = text.replace(word, placeholder)
    for pattern, new in _COMPILED:
        text = pattern.sub(new, text)
    return text


def entry(command: str, output: str, code: int) -> str:
    """One command of a transcript."""
    body = output if output.endswith("\n") or not output else output + "\n"
    return f"$ {command}\n{body}" + (f"[exit {code}]\n" if code else "")


def entries(transcript: str) -> list[tuple[str, str]]:
    """(command, its entry) for each command of a transcript."""
    parts = re.split(r"^(?=\$ )", transcript, flags=re.MULTILINE)
    return [(part.partition("\n")[0].removeprefix("$ "), part) for part in parts if part]
