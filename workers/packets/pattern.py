"""Regular expressions that are compiled when first used: ordinary messages are read without, and start-up is short."""

import re
from collections.abc import Callable

_Match = Callable[..., re.Match[bytes] | None]


class Pattern:
    """`match` and `fullmatch` as those of a compiled one."""

    __slots__ = ("_text", "fullmatch", "match")
    match: _Match
    fullmatch: _Match

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __getattr__(self, name: str) -> _Match:
        if name not in self.__slots__:
            raise AttributeError(name)
        compiled = re.compile(self._text)
        self.match, self.fullmatch = compiled.match, compiled.fullmatch
        found: _Match = getattr(compiled, name)
        return found
