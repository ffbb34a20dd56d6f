"""Whether a certificate's names cover the name a client asked for (RFC 9525 section 6; RFC 6125 before it)."""

from collections.abc import Iterable


def matches(asked: str, names: Iterable[str]) -> bool:
    """Whether one of `names`, as in a certificate, is the name asked for. Upper and lower case are the same.

    A wildcard stands for exactly one label and is the whole left-most label. Addresses compare as addresses.
    """
    wanted = asked.lower().rstrip(".")
    address = _address(wanted)
    if not wanted:
        return False
    if address is not None:
        return any(_address(name) == address for name in names)
    _, _, parent = wanted.partition(".")
    for name in names:
        presented = name.lower().rstrip(".")
        if presented == wanted or (presented.startswith("*.") and parent and presented[2:] == parent):
            return True
    return False


def _address(name: str) -> str | None:
    """The address in one spelling; None when it is a name."""
    from ipaddress import ip_address  # late, as most captures show no certificate

    try:
        return ip_address(name.strip("[]")).compressed
    except ValueError:
        return None
