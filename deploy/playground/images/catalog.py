"""The images as data: which layers, lowest first, and with what configuration. Pure."""

from dataclasses import dataclass, field

PYTHON = ("/usr/bin/python3.11", "-IBu")  # isolated, writes no bytecode, unbuffered
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SLEEP = ("sleep", "infinity")
NONROOT = "65532"
CAPTURE_IMAGE = "threadcap.example/capture:1"


@dataclass(frozen=True)
class Image:
    """One image: layer kinds (see `layers.LAYERS`), lowest first, and the OCI config fields we use."""

    layers: tuple[str, ...]
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = field(default=(PATH,))
    user: str = ""
    working_dir: str = "/"

    def config(self) -> dict[str, object]:
        """OCI image config, as the node agent reads it from the catalogue."""
        return {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "Env": list(self.env),
            "User": self.user,
            "WorkingDir": self.working_dir,
        }


def _app(name: str, *tools: str, user: str = "") -> Image:
    """An app of the scene in Python, with the tool layers its image carries."""
    return Image(
        layers=("base", *tools, "python", "certificates", f"app-{name}"),
        entrypoint=(*PYTHON, f"/app/{name}.py"),
        user=user,
    )


IMAGES: dict[str, Image] = {
    "threadcap.example/scene/web:1": _app("web", "busybox"),
    "threadcap.example/scene/checkout:1": _app("checkout", "busybox", "tcpdump"),
    "threadcap.example/scene/payments:1": _app("payments", "busybox"),
    "threadcap.example/scene/cart:1": _app("cart", "busybox"),
    "threadcap.example/scene/vault:1": _app("vault", user=NONROOT),
    "threadcap.example/scene/stock:1": _app("stock", "busybox", "tcpdump"),
    "threadcap.example/scene/stockdb:1": _app("stockdb", "busybox"),
    "threadcap.example/scene/firehose:1": _app("firehose", "busybox", "tcpdump"),
    "threadcap.example/scene/dns:1": Image(
        layers=("base", "busybox", "dnsmasq", "app-dns"),
        entrypoint=("/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/etc/dnsmasq.conf"),
    ),
    "threadcap.example/scene/tcpdump:1": Image(layers=("base", "busybox", "tcpdump"), cmd=SLEEP),
    "threadcap.example/scene/quiet:1": Image(layers=("base", "busybox", "tcpdump"), cmd=SLEEP),
    "threadcap.example/scene/static:1": Image(
        layers=("static",), entrypoint=("/sleep",), cmd=("infinity",), user=NONROOT
    ),
    CAPTURE_IMAGE: Image(layers=("base", "busybox", "debian-tools", "tcpdump"), cmd=SLEEP),
    "busybox:1": Image(layers=("base", "busybox"), cmd=("sh",)),
}
