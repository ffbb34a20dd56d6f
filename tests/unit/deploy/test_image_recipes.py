"""What the image recipes and the static tcpdump's lock promise, read from their text."""

import re
from pathlib import Path

from workers.settings import CaptureSettings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
LOCK = (DEPLOY / "static_tcpdump/sources.lock").read_text()


def test_lock_names_versions_and_hashes_and_no_place() -> None:
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    assert all(
        re.fullmatch(r"(source|binary) [\w.:+-]+ \S+|(sha256|built) [0-9a-f]{64}  [\w.+~-]+", line) for line in lines
    )


def test_every_file_of_a_locked_package_has_a_hash() -> None:
    hashed = set(re.findall(r"^sha256 \S+  (\S+)$", LOCK, re.MULTILINE))
    for name, version in re.findall(r"^source (\S+) (\S+)$", LOCK, re.MULTILINE):
        upstream = version.rsplit("-", 1)[0]
        assert {f"{name}_{version}.dsc", f"{name}_{version}.debian.tar.xz", f"{name}_{upstream}.orig.tar.gz"} <= hashed
    for name, architecture, version in re.findall(r"^binary (\S+):(\S+) (\S+)$", LOCK, re.MULTILINE):
        assert f"{name}_{version}_{architecture}.deb" in hashed


def test_worker_image_holds_the_static_tcpdump_where_the_default_setting_looks() -> None:
    recipe = (DEPLOY / "image/threadcap.Dockerfile").read_text()
    worker = recipe.split("FROM side AS worker")[1]
    assert f"COPY --from=static /static/ {CaptureSettings().static_tcpdump}/\n" in worker
    assert "build.sh --out /static amd64 arm64" in recipe


def test_capture_image_is_checked_where_it_is_built() -> None:
    recipe = (DEPLOY / "image/Dockerfile").read_text()
    assert "COPY check_tools.sh /usr/share/threadcap/" in recipe
    assert "&& /usr/share/threadcap/check_tools.sh\n" in recipe
