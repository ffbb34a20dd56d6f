"""How each layer is filled: functions that write one directory tree, from files of this machine.

Every tree is owned by root, nothing in it is setuid or has file capabilities. A layer holds all the shared
objects its programs need, so images compose in any order.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.playground.images.certificates import make_certificates
from deploy.playground.images.packages import REQUIRED, shared_objects

APPS = Path(__file__).resolve().parent.parent / "scene" / "apps"
STDLIB = Path("/usr/lib/python3.11")

PASSWD = """\
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
"""
GROUP = "root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"
DIRECTORIES = ("dev", "etc", "proc", "root", "run", "sys", "usr/bin", "usr/lib64", "usr/sbin", "var/log")
MERGED = ("bin", "sbin", "lib", "lib64")  # Debian's merged /usr

# Where Debian's base has another implementation than busybox, and our scripts would notice.
DEBIAN_TOOLS = ("timeout", "head", "tail", "tee", "sha256sum", "stat", "df", "nice", "nsenter")

# Large parts of the standard library that no app of the scene reaches.
UNUSED_STDLIB = frozenset(
    [
        *("curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3", "multiprocessing", "pydoc_data"),
        *("sqlite3", "test", "tests", "tkinter", "turtle.py", "turtledemo", "unittest", "venv", "wsgiref"),
        *("xmlrpc", "sitecustomize.py", "EXTERNALLY-MANAGED"),
    ]
)
EXTENSIONS = frozenset(
    [
        *("_asyncio", "_contextvars", "_ctypes", "_decimal", "_hashlib", "_json", "_multibytecodec", "_queue"),
        *("_ssl", "_typing", "_uuid", "_zoneinfo", "mmap", "resource", "termios"),
    ]
)


@dataclass(frozen=True)
class Layer:
    """A kind of layer: how to fill it, and the files (besides packages) whose content decides its digest."""

    fill: Callable[[Path], None]
    sources: tuple[Path, ...] = ()


def fill_base(root: Path) -> None:
    """Directories, users and name lookup order; no program at all."""
    for name in DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in MERGED:
        (root / name).symlink_to(f"usr/{name}")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    home = root / "home/nonroot"
    home.mkdir(parents=True)
    shutil.chown(home, 65532, 65532)
    texts = {"passwd": PASSWD, "group": GROUP, "nsswitch.conf": NSSWITCH, "hosts": "", "resolv.conf": ""}
    for name, text in texts.items():
        (root / "etc" / name).write_text(text)


def fill_busybox(root: Path) -> None:
    """busybox and a symlink for each applet."""
    program = _copy_file(Path(REQUIRED["busybox-static"]), root, "usr/bin/busybox")
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (root / "usr/bin" / applet).symlink_to("busybox")


def fill_static(root: Path) -> None:
    """One static program and nothing else, not even /etc: busybox under a name that makes it sleep."""
    _copy_file(Path(REQUIRED["busybox-static"]), root, "sleep")


def fill_tcpdump(root: Path) -> None:
    """tcpdump and its shared objects."""
    _copy_program(Path(REQUIRED["tcpdump"]), root)


def fill_debian_tools(root: Path) -> None:
    """sh, coreutils and nsenter as the capture image's base has them; lies over busybox's of the same names."""
    for name in DEBIAN_TOOLS:
        _copy_program(Path("/usr/bin", name), root)
    _copy_file(Path(REQUIRED["dash"]), root, "usr/bin/sh")
    _copy_objects(Path(REQUIRED["dash"]), root)


def fill_dnsmasq(root: Path) -> None:
    """dnsmasq and its shared objects."""
    _copy_program(Path(REQUIRED["dnsmasq-base"]), root)


def fill_python(root: Path) -> None:
    """Debian's Python 3.11, its standard library without what `UNUSED_STDLIB` names, compiled ahead."""
    _copy_program(Path(REQUIRED["python3.11-minimal"]), root)
    target = root / "usr/lib/python3.11"
    shutil.copytree(STDLIB, target, ignore=_unused_stdlib)
    extensions = target / "lib-dynload"
    extensions.mkdir()
    for source in sorted((STDLIB / "lib-dynload").iterdir()):
        if source.name.split(".")[0] in EXTENSIONS:
            shutil.copy(source, extensions / source.name)
            _copy_objects(source, root)
    # Apps are Python too, but small: only the library is worth compiling ahead.
    compile_library = ["-m", "compileall", "-q", "-s", str(root), "--invalidation-mode", "unchecked-hash"]
    subprocess.run([REQUIRED["python3.11-minimal"], "-I", *compile_library, str(target)], check=True)


def _unused_stdlib(folder: str, names: list[str]) -> list[str]:
    top = Path(folder) == STDLIB
    return [
        name
        for name in names
        if name == "__pycache__"
        or (top and (name in UNUSED_STDLIB or name == "lib-dynload" or name.startswith("config-")))
    ]


def fill_certificates(root: Path) -> None:
    """A CA and a server certificate for each TLS server of the scene, in /etc/scene/tls."""
    make_certificates(root / "etc/scene/tls")


def fill_dns_app(root: Path) -> None:
    """dnsmasq's configuration for the scene."""
    _copy_file(APPS / "dnsmasq.conf", root, "etc/dnsmasq.conf", mode=0o644)
    (root / "run/threadcap/dns").mkdir(parents=True)


def app_filler(name: str) -> Callable[[Path], None]:
    """A function that puts the one file of the app `name` into /app."""

    def fill(root: Path) -> None:
        _copy_file(APPS / f"{name}.py", root, f"app/{name}.py", mode=0o644)

    return fill


def _copy_program(program: Path, root: Path) -> None:
    _copy_file(program.resolve(), root, str(program.relative_to("/")))
    _copy_objects(program, root)


def _copy_objects(program: Path, root: Path) -> None:
    """Copy shared objects to the path the loader looks at, under /usr (merged-usr has /lib -> usr/lib)."""
    for path in shared_objects(program):
        relative = path.relative_to("/")
        inside = relative if relative.parts[0] == "usr" else Path("usr") / relative
        if not (root / inside).exists():
            _copy_file(path.resolve(), root, str(inside))


def _copy_file(source: Path, root: Path, inside: str, mode: int = 0o755) -> Path:
    """Copy content only: no setuid bit, owner or extended attribute comes along."""
    target = root / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)
    return target


_PYTHON_APPS = ("web", "checkout", "payments", "cart", "vault", "stock", "stockdb", "firehose")

LAYERS: dict[str, Layer] = {
    "base": Layer(fill_base),
    "busybox": Layer(fill_busybox),
    "static": Layer(fill_static),
    "tcpdump": Layer(fill_tcpdump),
    "debian-tools": Layer(fill_debian_tools),
    "dnsmasq": Layer(fill_dnsmasq),
    "python": Layer(fill_python),
    "certificates": Layer(fill_certificates, (Path(sys.modules[make_certificates.__module__].__file__ or ""),)),
    "app-dns": Layer(fill_dns_app, (APPS / "dnsmasq.conf",)),
    **{f"app-{name}": Layer(app_filler(name), (APPS / f"{name}.py",)) for name in _PYTHON_APPS},
}
