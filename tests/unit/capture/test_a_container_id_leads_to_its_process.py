"""Container id -> PID by the script of our pod, on cgroup files as containerd, CRI-O and Docker leave them."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from workers.capture.locate import LOCATE
from workers.capture.methods.agent import parse_id

APP = "3f1c0ab4" * 8
OTHER = "9d2e77c1" * 8
UID = "0b9f8c1e-5d2a-4a53-9a0e-6f1d2c3b4a59"
UNDERSCORED = UID.replace("-", "_")
POD = f"kubepods-burstable-pod{UNDERSCORED}.slice"
SLICE = f"/kubepods.slice/kubepods-burstable.slice/{POD}"
GUARANTEED = f"/kubepods.slice/kubepods-pod{UNDERSCORED}.slice"
V1 = ("cpuset", "cpu,cpuacct", "memory", "pids", "devices", "freezer", "name=systemd")

RECORDED = {
    "v2, containerd, systemd": f"0::{SLICE}/cri-containerd-{APP}.scope",
    "v2, containerd, systemd, guaranteed": f"0::{GUARANTEED}/cri-containerd-{APP}.scope",
    "v2, containerd, cgroupfs": f"0::/kubepods/besteffort/pod{UID}/{APP}",
    "v2, seen from a cgroup namespace": f"0::/../../{POD}/cri-containerd-{APP}.scope",
    "v2, systemd inside the container": f"0::{SLICE}/cri-containerd-{APP}.scope/init.scope",
    "v2, drivers at odds": f"0::/system.slice/containerd.service/{POD}:cri-containerd:{APP}",
    "v2, kind": f"0::/docker/{OTHER}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
    f"kubelet-kubepods-besteffort-pod{UNDERSCORED}.slice/cri-containerd-{APP}.scope",
    "v2, CRI-O": f"0::{SLICE}/crio-{APP}.scope",
    "v2, CRI-O, crun": f"0::{SLICE}/crio-{APP}.scope/container",
    "v2, Docker": f"0::{SLICE}/docker-{APP}.scope",
    "v1, cgroupfs": "\n".join(f"{n}:{name}:/kubepods/burstable/pod{UID}/{APP}" for n, name in enumerate(V1, 1)),
    "v1, systemd": "\n".join(f"{n}:{name}:{SLICE}/cri-containerd-{APP}.scope" for n, name in enumerate(V1, 1)),
    "v1, CRI-O": "\n".join(f"{n}:{name}:{SLICE}/crio-{APP}.scope" for n, name in enumerate(V1, 1)),
    "v1, kind, one hierarchy left alone": f"13:misc:/docker/{OTHER}\n"
    f"12:memory:/docker/{OTHER}/kubelet/kubepods/besteffort/pod{UID}/{APP}",
    "hybrid": f"5:memory:/kubepods/burstable/pod{UID}/{APP}\n1:name=systemd:/kubepods/burstable/pod{UID}/{APP}\n"
    "0::/system.slice/containerd.service",
}

ELSEWHERE = {
    "the pod's sandbox": f"0::{SLICE}/cri-containerd-{OTHER}.scope",
    "CRI-O's monitor": f"0::{SLICE}/crio-conmon-{APP}.scope",
    "CRI-O's monitor, v1": f"1:name=systemd:{SLICE}/crio-conmon-{APP}.scope\n2:memory:/",
    "a container in the container": f"0::{SLICE}/cri-containerd-{APP}.scope/docker/{OTHER}",
    "a longer name": f"0::/kubepods/burstable/pod{UID}/{APP}ab",
    "the node": "0::/init.scope",
    "the runtime's shim": "0::/system.slice/containerd.service",
    "no controllers": "",
    "not a cgroup file": f"{APP}",
}


def located(folder: Path, cgroups: Mapping[int, str], shell: str = "dash", where: str = f"pid:{APP}") -> str:
    """The PID whose namespace would be entered; "" when none is."""
    for pid, text in cgroups.items():
        (folder / str(pid)).mkdir(parents=True)
        (folder / str(pid) / "cgroup").write_text(text)
    there = LOCATE.replace("/proc/", f"{folder}/").replace("patience=50", "patience=0")
    script = f'stop_here() {{ exit 3; }}\nwhere=$1\n{there}\necho "$3"'
    argv = ["busybox", "sh"] if shell == "busybox" else [shell]
    done = subprocess.run([*argv, "-c", script, "x", where], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (0, 3), done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("text", RECORDED.values(), ids=RECORDED)
def test_the_id_is_found_however_the_runtime_writes_it(text: str, tmp_path: Path) -> None:
    cgroups = dict(enumerate(ELSEWHERE.values(), 100)) | {4242: text + "\n"}
    assert located(tmp_path, cgroups) == "4242"


@pytest.mark.parametrize("text", ELSEWHERE.values(), ids=ELSEWHERE)
def test_others_are_not_taken_for_it(text: str, tmp_path: Path) -> None:
    assert located(tmp_path, {1: text}) == ""


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_the_first_process_of_several_is_taken(shell: str, tmp_path: Path) -> None:
    inside = f"0::{SLICE}/cri-containerd-{APP}.scope"
    assert located(tmp_path, {900: inside, 71: inside, 1: "0::/init.scope"}, shell) == "71"


@pytest.mark.parametrize("text", RECORDED.values(), ids=RECORDED)
@pytest.mark.parametrize("where", [f"pod:{UID}", f"pid:{'0' * 64}:{UID}"])
def test_where_the_container_is_gone_any_process_of_the_pod_will_do(text: str, where: str, tmp_path: Path) -> None:
    others = {name: text for name, text in ELSEWHERE.items() if UID not in text and UNDERSCORED not in text}
    others |= {name: text for name, text in ELSEWHERE.items() if "monitor" in name or "in the container" in name}
    found = located(tmp_path, dict(enumerate(others.values(), 100)) | {4242: text + "\n"}, where=where)
    assert found == "4242"


@pytest.mark.parametrize("scheme", ["containerd://", "cri-o://", "docker://", ""])
def test_ids_come_with_their_runtime(scheme: str) -> None:
    assert parse_id(scheme + APP) == APP


@pytest.mark.parametrize("text", ["", "containerd://", "containerd://" + APP[1:], APP.upper(), f"x://{APP}/../1"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no container id"):
        parse_id(text)
