"""On any cluster: captures by exec and by ephemeral container, byte-equal, however they end, with nothing left."""

import hashlib
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Place, until
from tests.conformance.shapes import MAY_CAPTURE, PORT, POUR, TALK, container, pod
from tests.support.captures import valid_records
from tests.support.terminal import argv, environment
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDERR, STDOUT
from workers.capture.targets import PodInfo
from workers.contract.spec import TargetKind

pytestmark = pytest.mark.timeout(600)

HUNDRED_MB = 100_000_000
POUR_OUT = 'exec 3>&1; { head -c "$1" /dev/urandom | tee /dev/fd/3 | sha256sum >&2; } 3>&1'
LOOK = r'for d in /proc/[0-9]*; do { tr "\0" " " < "$d/cmdline"; echo; } 2>/dev/null; done'


def _report(done: "subprocess.CompletedProcess[str]", code: int = 0) -> Any:
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def _proved(report: Any, out: Path) -> list[Any]:
    """The targets, once each pcap in `out` equals what left its pod."""
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in out.glob("*.pcap")}
    for target in report["targets"]:
        outcome = target["outcome"]
        assert outcome["proved"], json.dumps(outcome)
        assert valid_records(files[outcome["sha256"]].read_bytes()) == outcome["packets"] > 0
        # a packet that tcpdump's end met is counted by it and left out, and that is said
        unfinished = outcome["pod_bytes"] > outcome["bytes"]
        assert unfinished == ("unfinished" in outcome["reason"])
        assert unfinished or outcome["sha256"] == outcome["pod_sha256"]
        missing = outcome["captured"] - outcome["packets"]
        assert missing >= 0
        assert (missing > 0) == ("the last packet was " in outcome["reason"])
        assert (missing > 1) == (f"and {missing - 1} more that it had counted" in outcome["reason"])
    return list(report["targets"])


def _nothing_runs(cluster: Cluster, seen: PodInfo, name: str) -> bool:
    return b"tcpdump " not in cluster.run(seen, name, ["sh", "-c", LOOK]).stdout


@pytest.fixture(scope="module")
def talkers(place: Place, cluster: Cluster) -> list[PodInfo]:
    """The pods of `talker`."""
    return cluster.pods(place.spec(TargetKind.DEPLOYMENT, "talker"))


def test_commands_answer_with_their_output_and_exit_code(cluster: Cluster, talkers: list[PodInfo]) -> None:
    result = cluster.run(talkers[0], "app", ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")
    assert result.status is not None
    assert (result.status.success, result.status.exit_code) == (False, 7)
    fine = cluster.run(talkers[0], "app", ["true"])
    assert fine.status is not None
    assert (fine.status.success, fine.status.exit_code) == (True, 0)
    missing = cluster.run(talkers[0], "app", ["threadcap-no-such-program"])
    assert missing.status is None or missing.status.exit_code != 0


def test_a_stream_of_100_mb_is_byte_equal(cluster: Cluster, talkers: list[PodInfo]) -> None:
    stream = cluster.open_exec(talkers[0], "app", ["sh", "-c", POUR_OUT, "pour", str(HUNDRED_MB)])
    digest, size, said = hashlib.sha256(), 0, b""
    try:
        for channel, data in stream.frames():
            if channel == STDOUT:
                digest.update(data)
                size += len(data)
            elif channel == STDERR:
                said += data
    finally:
        stream.close()
    assert size == HUNDRED_MB
    assert said.split()[0].decode() == digest.hexdigest()


def test_exec_captures_every_pod_of_a_deployment(
    place: Place, cluster: Cluster, talkers: list[PodInfo], tmp_path: Path
) -> None:
    done = place.capture("deploy/talker", "port", str(PORT), "for", "4s", out=tmp_path)
    targets = _proved(_report(done), tmp_path)
    assert [target["method"] for target in targets] == ["exec", "exec"]
    assert {target["pod"] for target in targets} == {one.name for one in talkers}
    for one in talkers:
        until(lambda one=one: _nothing_runs(cluster, one, "app"), "the end of tcpdump", 15)  # type: ignore[misc]


def test_an_ephemeral_container_captures_where_no_other_can(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    done = place.capture("pod/plain", "port", str(PORT), "for", "4s", out=tmp_path)
    report = _report(done)
    (target,) = _proved(report, tmp_path)
    assert target["method"] == "ephemeral"
    assert any("stays listed in the spec of plain" in note for note in report["notes"])
    until(lambda: _has_ended(place, "plain", target["container"]), "the added container's end", 20)
    assert _nothing_runs(cluster, PodInfo(place.namespace, "plain"), "traffic")


def test_a_capture_of_100_mb_is_byte_equal(place: Place, tmp_path: Path) -> None:
    body = pod("pourer", container("app", place.capture_image, POUR, MAY_CAPTURE))
    place.core.create_namespaced_pod(place.namespace, body)
    place.until_ready("app=pourer")
    try:
        words = ("--max-bytes", "100MB", "for", "150s", "port", str(PORT))
        (target,) = _proved(_report(place.capture("pod/pourer", *words, out=tmp_path)), tmp_path)
    finally:
        place.core.delete_namespaced_pod("pourer", place.namespace, grace_period_seconds=0)
    assert target["outcome"]["ended_by"] == "bytes"
    assert target["outcome"]["bytes"] >= HUNDRED_MB
    print(f"kernel dropped {target['outcome']['kernel_dropped']} of {target['outcome']['received']} packets")


def test_a_pod_deleted_mid_capture_leaves_a_partial_pcap(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    _doomed(place)
    with _running(place, "pod/doomed", tmp_path) as process:
        place.core.delete_namespaced_pod("doomed", place.namespace, grace_period_seconds=0)
        said, complaint = process.communicate(timeout=120)
    assert process.returncode == 5, complaint
    (target,) = json.loads(said)["targets"]
    assert "deleted during the capture; truncated at byte" in target["outcome"]["reason"]
    (pcap,) = tmp_path.glob("*.pcap")
    assert valid_records(pcap.read_bytes()) == target["outcome"]["packets"] > 0


def test_a_killed_client_leaves_no_tcpdump(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    _doomed(place)
    seen = PodInfo(place.namespace, "doomed")
    with _running(place, "pod/doomed", tmp_path) as process:
        assert not _nothing_runs(cluster, seen, "app")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    until(lambda: _nothing_runs(cluster, seen, "app"), "the end of tcpdump", 15)
    place.core.delete_namespaced_pod("doomed", place.namespace, grace_period_seconds=0)


def _has_ended(place: Place, name: str, added: str) -> bool:
    """Whether an ephemeral container is there and has ended."""
    statuses = place.core.read_namespaced_pod(name, place.namespace).status.ephemeral_container_statuses or ()
    return any(one.name == added and one.state.terminated is not None for one in statuses)


def _doomed(place: Place) -> None:
    """A talking pod of the test's own."""
    until(lambda: not _named(place, "doomed"), "the old pod's end")
    body = pod("doomed", container("app", place.capture_image, TALK, MAY_CAPTURE))
    place.core.create_namespaced_pod(place.namespace, body)
    place.until_ready("app=doomed")


def _named(place: Place, name: str) -> list[Any]:
    return list(place.core.list_namespaced_pod(place.namespace, field_selector=f"metadata.name={name}").items)


def _running(place: Place, target: str, out: Path) -> "subprocess.Popen[str]":
    """A capture that has packets already; its report as JSON follows on stdout."""
    words = argv(place.kubeconfig, "capture", target, "-n", place.namespace, "for", "120s", "--out", str(out), "--json")
    env = environment(TMPDIR=str(out))
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: process.poll() is not None or _spooled(out) > 1000, "packets", 60)
    assert process.poll() is None, process.communicate()
    return process


def _spooled(folder: Path) -> int:
    """Bytes of the unfinished pcap in the program's scratch folder."""
    return sum(path.stat().st_size for path in folder.glob("threadcap-*/*.pcap"))
