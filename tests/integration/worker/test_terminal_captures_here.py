"""`threadcap capture … --local`: the same pipeline without Redis or Slack, its files, its exit codes."""

import asyncio
import hashlib
import json
import signal
import subprocess
from pathlib import Path

from deploy.playground.images import CAPTURE_IMAGE
from tests.support.captures import valid_records
from tests.support.playground import SharedPlayground, Stage
from tests.support.terminal import argv, environment, threadcap

HERE = ("-n", "shop", "port", "8080")


def test_done_leaves_report_charts_and_a_proved_pcap(playground: SharedPlayground, tmp_path: Path) -> None:
    words = ("deploy/checkout", *HERE, "for", "2s", "--out", str(tmp_path), "--json")
    done = threadcap(playground.capture_kubeconfig, "capture", *words)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == 1
    (target,) = report["targets"]
    assert target["outcome"]["proved"]
    (pcap,) = tmp_path.glob("shop_checkout-*.pcap")
    data = pcap.read_bytes()
    assert hashlib.sha256(data).hexdigest() == target["outcome"]["pod_sha256"]
    assert valid_records(data) == target["outcome"]["packets"] > 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".pcap", ".png", ".json"}


def test_ctrl_c_keeps_what_was_captured(playground: SharedPlayground, tmp_path: Path) -> None:
    words = argv(
        playground.capture_kubeconfig, "capture", "deploy/checkout", *HERE, "for", "60s", "--out", str(tmp_path)
    )
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while "capturing" not in (line := process.stderr.readline()) or " 0 packets" in line:
            assert process.poll() is None, "ended before it captured"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "byte-equal" in said
    assert len(list(tmp_path.glob("*.pcap"))) == 1


async def test_a_pod_deleted_meanwhile_is_partial(playground: SharedPlayground, stage: Stage, tmp_path: Path) -> None:
    namespace = await stage("checkout", "web")
    words = argv(playground.capture_kubeconfig, "capture", "deploy/checkout", "-n", namespace, "for", "15s")
    process = await asyncio.create_subprocess_exec(
        *words,
        "--out",
        str(tmp_path),
        env=environment(),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    while b"capturing" not in (line := await process.stderr.readline()) or b" 0 packets" in line:
        assert line, "ended before it captured"
    playground.kubectl("delete", "pod", "-n", namespace, "-l", "app=checkout", "--grace-period=0", "--force")
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 5
    assert "truncated at byte" in said.decode()
    assert "followed from" in said.decode()  # by the pod that came in its place, for the rest of the time


def test_mistakes_have_their_exit_codes(playground: SharedPlayground) -> None:
    config = playground.capture_kubeconfig
    cases = {
        2: ("deploy/checkout", "-n", "shop", "for", "0s"),
        3: ("pod/x", "-n", "kube-system"),
        4: ("deploy/chekout", "-n", "shop"),
    }
    for code, words in cases.items():
        done = threadcap(config, "capture", *words)
        assert done.returncode == code, (words, done.stderr)
        assert done.stderr.strip()
        assert "Traceback" not in done.stderr


def test_without_the_right_to_add_a_container_the_reason_is_told(
    playground: SharedPlayground, fresh_namespace: str, tmp_path: Path
) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(_bare_rights(playground, fresh_namespace))
    done = threadcap(config, "capture", "deploy/web", "-n", "shop", THREADCAP_CAPTURE_IMAGE=CAPTURE_IMAGE)
    assert done.returncode == 3
    assert "exec: container web: it has no tcpdump." in done.stderr
    assert "ephemeral: Threadcap may not patch pods/ephemeralcontainers in shop" in done.stderr


def _bare_rights(playground: SharedPlayground, namespace: str) -> str:
    """A kubeconfig of a service account with the workers' required role alone."""
    own = ("-n", namespace)
    subject = f"{namespace}:bare"
    for words in (
        ("create", "serviceaccount", "bare", *own),
        (
            "create",
            "clusterrolebinding",
            f"bare-{namespace}",
            "--clusterrole=threadcap-capture",
            f"--serviceaccount={subject}",
        ),
    ):
        done = playground.kubectl(*words)
        assert done.returncode == 0, done.stderr
    token = playground.kubectl("create", "token", "bare", *own).stdout.strip()
    whole = json.loads(playground.kubectl("config", "view", "--raw", "-o", "json").stdout)
    whole["users"] = [{"name": whole["users"][0]["name"], "user": {"token": token}}]
    return json.dumps(whole)
