"""How parsing stops inside the package; never leaves it."""


class Unfit(Exception):
    """A value is not acceptable. `better` would be, or is None."""

    def __init__(self, reason: str, better: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.better = better


class Wrong(Exception):
    """The line is wrong at `start:end`.

    `instead` would be better there, or `whole` instead of the whole line; both None when nothing can be offered.
    """

    def __init__(
        self, start: int, end: int, reason: str, *, instead: str | None = None, whole: str | None = None
    ) -> None:
        super().__init__(reason)
        self.start = start
        self.end = end
        self.reason = reason
        self.instead = instead
        self.whole = whole

    def corrected(self, text: str) -> str | None:
        """Return `text` with the correction made, or None."""
        if self.whole is not None:
            return self.whole
        return None if self.instead is None else f"{text[: self.start]}{self.instead}{text[self.end :]}"
