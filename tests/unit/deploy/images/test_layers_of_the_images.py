"""The image catalogue is whole: every layer can be made, every image of the scene is in it."""

from pathlib import Path

from deploy.playground.images import layers, packages, store
from deploy.playground.images.catalog import IMAGES
from deploy.playground.scene import load_manifests


def test_every_layer_an_image_names_can_be_made() -> None:
    named = {kind for image in IMAGES.values() for kind in image.layers}
    assert named == set(layers.LAYERS)


def test_every_image_of_the_scene_is_in_the_catalogue() -> None:
    used = {container["image"] for spec in _pod_specs() for container in spec["containers"]}
    assert used <= set(IMAGES)


def test_vault_has_no_shell_and_no_tcpdump() -> None:
    vault = IMAGES["threadcap.example/scene/vault:1"]
    assert not {"busybox", "tcpdump"} & set(vault.layers)
    assert vault.user == "65532"


def test_layer_name_changes_with_its_source(tmp_path: Path) -> None:
    source = tmp_path / "app.py"
    source.write_text("one")
    layer = layers.Layer(layers.fill_base, (source,))
    before = _name_with(layer)
    source.write_text("two")
    assert _name_with(layer) != before


def test_layer_name_is_stable() -> None:
    assert store.layer_name("busybox") == store.layer_name("busybox")


def test_ldd_lines_give_paths() -> None:
    assert packages._object_path("\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x1)").endswith("libc.so.6")
    assert packages._object_path("\t/lib64/ld-linux-x86-64.so.2 (0x1)") == "/lib64/ld-linux-x86-64.so.2"
    assert packages._object_path("\tlinux-vdso.so.1 (0x1)") == ""
    assert packages._object_path("\tnot a dynamic executable") == ""


def _name_with(layer: layers.Layer) -> str:
    kept = layers.LAYERS["app-web"]
    layers.LAYERS["app-web"] = layer
    try:
        return store.layer_name("app-web")
    finally:
        layers.LAYERS["app-web"] = kept


def _pod_specs() -> list[dict[str, list[dict[str, str]]]]:
    specs = []
    for manifest in load_manifests():
        if manifest["kind"] == "Pod":
            specs.append(manifest["spec"])
        elif manifest["kind"] == "Deployment":
            specs.append(manifest["spec"]["template"]["spec"])
    return specs
