"""The only scapy import: one frame, layer by layer, for a person who wants to see it.

scapy is GPL-2.0-only and slow (1.6 s to import, hundreds of microseconds a frame), so it stays in this one file
behind `dissect`, is imported when first asked, and sees single frames only. Analysis has its own decoders.
"""

import importlib
import warnings
from typing import Any

MAX_FIELD = 120
"""Characters of one field's value shown."""


def dissect(link_type: int, frame: bytes) -> list[str]:
    """Return one line a layer, "IP  src=198.18.1.6 dst=…", for a frame of a LINKTYPE_ number.

    Fields without a value and payload bytes are left out. A frame scapy cannot read gives one line that says so.
    """
    layers = _layers()
    kind = layers.get(link_type)
    if kind is None:
        return [f"link type {link_type}: no dissector"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            packet = kind(frame)
    except Exception as error:  # scapy raises anything on hostile bytes; the frame is still a frame
        return [f"not readable as {kind.__name__}: {type(error).__name__}"]
    return [_line(layer) for layer in _each(packet)]


def _layers() -> dict[int, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scapy names ciphers that cryptography calls old
        importlib.import_module("scapy.all")  # registers every layer
    conf = importlib.import_module("scapy.config").conf
    return {int(number): kind for number, kind in conf.l2types.num2layer.items()}


def _each(packet: Any) -> list[Any]:
    found = []
    while packet and type(packet).__name__ not in ("NoPayload", "Raw", "Padding"):
        found.append(packet)
        packet = packet.payload
    return found


def _line(layer: Any) -> str:
    values = ((name, layer.getfieldval(name)) for name in (field.name for field in layer.fields_desc))
    shown = (f"{name}={_value(layer, name, value)}" for name, value in values if value not in (None, "", b"", []))
    return f"{layer.name:<10} " + " ".join(shown)


def _value(layer: Any, name: str, value: Any) -> str:
    if isinstance(value, bytes) and name in ("load", "data"):
        return f"<{len(value)} bytes>"
    text = str(layer.get_field(name).i2repr(layer, value))
    safe = "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
    return safe if len(safe) <= MAX_FIELD else safe[: MAX_FIELD - 3] + "..."
