"""Values to plain JSON and back, strict about shapes, lenient about unknown keys.

Unknown keys are ignored so that an older process can read a newer record of the same schema version.
"""

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Return `value` as dicts, lists, tuples and scalars that are ready for JSON."""
    return msgspec.to_builtins(value, str_keys=True)


def decode(kind: type[T], data: Any) -> T:
    """Build a `kind` from JSON values. Raises ValueError naming the place that does not fit."""
    try:
        return msgspec.convert(data, kind, str_keys=True)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        raise ValueError(f"{kind.__name__}{place.removesuffix('`')}: {what}") from error
