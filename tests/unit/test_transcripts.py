"""What a golden transcript leaves out, rule by rule, and what it must not touch."""

import pytest

from tests.support.transcripts import entries, entry, normalised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pod/one   1/1   Running   2 (5s ago)   3m12s", "pod/one  1/1  Running  2 (<age> ago)  <age>"),
        ("1s (x2 over 7s)   Normal", "<age> (x2 over <age>)  Normal"),
        ("47h\n2d1h\n1y30d", "<age>\n<age>\n<age>"),
        ("many-78f444db78-hz85k   many-78f444db78", "many-<hash>-<suffix>  many-<hash>"),
        ("to node-2 (other-node-1)", "to node-N (other-node-1)"),
        ("debugger-wmpwd.", "debugger-<suffix>."),
        ("IP: 198.18.1.4, 198.19.1.0 and 2001:db8:1::4", "IP: <ip>, <ip> and <ip>"),
        ('resourceVersion: "74"', 'resourceVersion: "<version>"'),
        ("Resource Version:  41", "Resource Version:  <version>"),
        ("uid: 2d23d67e-649b-4246-8505-f7c3af69365d", "uid: <uid>"),
        ('at "2026-11-26T19:00:53Z"', 'at "<time>"'),
        ("Started:      Thu, 26 Nov 2026 19:00:53 +0000", "Started:  <time>"),
        (f"containerd://{'a1' * 32} busybox@sha256:{'0f' * 32}", "containerd://<id> busybox@sha256:<digest>"),
        ("eyJhbGciOi.eyJhdWQi.c2lnbmF0dXJl", "<token>"),
        ("memory:  24731708Ki\nKernel Version:   6.1.0-amd64", "memory:  <memory>\nKernel Version:  <kernel>"),
        ("  ----    ------\n  Normal  x", "  Normal  x"),
        ("line\r\nnext   \n", "line\nnext\n"),
    ],
)
def test_what_changes_is_left_out(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "sleep 3600",
        "busybox:1 8080/TCP 80/TCP",
        "--timeout=60s --duration=10m --request-timeout=2s",
        "containerd://1.6.0 v1.34.9",
        "kube-system kube-node-lease test-runner",
        "    indented:\n      - deeper",
        "cpu-manager 3 of 30",
    ],
)
def test_what_stays_is_kept(text: str) -> None:
    assert normalised(text) == text


def test_names_of_the_run_have_placeholders() -> None:
    assert normalised("in test-ab12 namespace", [("test-ab12", "<namespace>")]) == "in <namespace> namespace"


def test_a_transcript_comes_apart_as_it_was_put_together() -> None:
    parts = [("echo a", "a\n", 0), ("false", "", 1), ("printf b", "b", 0)]
    whole = "".join(entry(*part) for part in parts)
    assert whole == "$ echo a\na\n$ false\n[exit 1]\n$ printf b\nb\n"
    assert entries(whole) == [(part[0], entry(*part)) for part in parts]
