"""The image store is made once, quickly made again, and holds what the images promise."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from deploy.playground.images import build_store
from deploy.playground.images.catalog import CAPTURE_IMAGE, IMAGES
from deploy.playground.images.store import prune_store

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images")
    build_store(path)
    return path


def test_second_build_makes_nothing(store: Path) -> None:
    before = (store / "catalog.json").read_text()
    assert build_store(store) == []
    assert (store / "catalog.json").read_text() == before


def test_catalogue_names_layers_that_are_there(store: Path) -> None:
    catalog = json.loads((store / "catalog.json").read_text())
    assert set(catalog) == set(IMAGES)
    assert all((store / "layers" / layer).is_dir() for image in catalog.values() for layer in image["layers"])


def test_nothing_is_setuid_or_of_another_owner(store: Path) -> None:
    for path in (store / "layers").rglob("*"):
        status = path.lstat()
        assert not stat.S_IMODE(status.st_mode) & 0o6000, path
        assert status.st_uid in (0, 65532), path


def test_vault_holds_no_shell_or_tool(store: Path) -> None:
    catalog = json.loads((store / "catalog.json").read_text())
    roots = [store / "layers" / layer for layer in catalog["threadcap.example/scene/vault:1"]["layers"]]
    programs = {path.name for root in roots for path in (root / "usr/bin").glob("*") if os.access(path, os.X_OK)}
    assert programs == {"python3.11"}


def test_capture_image_holds_what_its_recipe_promises(store: Path, tmp_path: Path) -> None:
    catalog = json.loads((store / "catalog.json").read_text())
    for layer in catalog[CAPTURE_IMAGE]["layers"]:
        argv = ["cp", "-a", "--remove-destination", f"{store / 'layers' / layer}/.", str(tmp_path)]
        subprocess.run(argv, check=True, timeout=30)
    (tmp_path / "dev/null").touch()
    check = (ROOT / "deploy/image/check_tools.sh").read_text()
    argv = ["chroot", str(tmp_path), "/bin/sh", "-c", check]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_killed_build_leaves_nothing_in_the_way(store: Path) -> None:
    (store / ".building-left").mkdir()
    build_store(store)
    assert not list(store.glob(".building-*"))


def test_prune_removes_only_what_no_image_names(store: Path) -> None:
    (store / "layers/web-0000").mkdir()
    assert prune_store(store) == ["web-0000"]
    assert build_store(store) == []


def test_certificates_are_for_the_services(store: Path) -> None:
    (folder,) = (store / "layers").glob("certificates-*")
    tls = folder / "etc/scene/tls"
    for service in ("web", "payments", "vault"):
        check = ["openssl", "verify", "-CAfile", str(tls / "ca.crt"), "-verify_hostname", f"{service}.shop.svc"]
        subprocess.run([*check, str(tls / f"{service}.crt")], check=True, capture_output=True)
