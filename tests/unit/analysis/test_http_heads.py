"""Heads of HTTP/1 in many forms: the same facts whether a head comes in one segment or in two, cut anywhere."""

import pytest

from tests.unit.analysis.talks import checked, conversation
from workers.contract.facts import HttpGroup

GET = b"GET /a HTTP/1.1\r\nHost: shop\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
HEADS = {
    "usual": (GET, OK, ("shop", "GET", "/a", {"200": 1})),
    "line feeds alone": (GET.replace(b"\r", b""), OK.replace(b"\r", b""), ("shop", "GET", "/a", {"200": 1})),
    "blanks and letters": (
        b"GET /a b?c  HTTP/1.1 \t\r\nhOST \t: \t shop \t\r\n\r\n",
        b"HTTP/1.0   404\r\nCONTENT-LENGTH:\t 0003 \r\n\r\nabc",
        ("shop", "GET", "/a", {"404": 1}),
    ),
    "not printable": (b"GET /\xff\x7f#x HTTP/1.1\r\nHost: sh\1p\r\n\r\n", OK, ("sh?p", "GET", "/??", {"200": 1})),
    "long": (
        b"PUT /" + b"p" * 300 + b" HTTP/1.1\r\nHost: " + b"h" * 300 + b"\r\nContent-Length: 0\r\n\r\n", OK,
        ("h" * 255, "PUT", "/" + "p" * 199, {"200": 1}),
    ),
    "no body for HEAD": (GET.replace(b"GET", b"HEAD"), OK[:-3], ("shop", "HEAD", "/a", {"200": 1})),
    "chunked": (
        GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ("shop", "GET", "/a", {"200": 1}),
    ),
    "the first host, the last length": (
        b"GET /a HTTP/1.1\r\nHost:\r\nHost: shop\r\nHosts: x\r\nHost: other\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: x\r\nContent-Length: 3\r\n\r\nabc",
        ("shop", "GET", "/a", {"200": 1}),
    ),
    "fields that only begin like those read": (
        b"GET /a HTTP/1.1\r\nHosts: x\r\nHost : shop\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Lengths: 9\r\nTransfer_Encoding: chunked\r\n\r\nabc",
        ("shop", "GET", "/a", {"200": 1}),
    ),
    "query": (GET.replace(b"/a", b"/a?b=c/d#e"), OK, ("shop", "GET", "/a", {"200": 1})),
    "posted": (
        b"POST /" + b"a" * 30 + b" HTTP/1.0\r\nHost: shop\r\nContent-Length: 4\r\n\r\nGET ", OK,
        ("shop", "POST", "/" + "a" * 30, {"200": 1}),
    ),
    "control characters in the target": (
        GET.replace(b"/a", b"/\t\x01abcdefghijk\x0b\x0c"), OK, ("shop", "GET", "/??abcdefghijk", {"200": 1}),
    ),
    "carriage returns within": (
        b"GET /a HTTP/1.1\r\nHost: shop\r.x\r\nH\rost: y\r\nX: \r\r\n\r\n",
        b"HTTP/1.1 200 \rOK\r\nContent-Length: 3\r\r\n\r\nabc",
        ("shop", "GET", "/a", {"200": 1}),
    ),
    "broken request line": (b"GET /a\r\nHost: shop\r\n\r\n", OK, ("shop", "GET", "/a", {"200": 1})),
}  # fmt: skip


def _told(group: HttpGroup) -> tuple[str, str, str, dict[str, int]]:
    return group.host, group.method, group.path, group.statuses


@pytest.mark.parametrize("form", HEADS)
def test_a_head_whole_and_cut_anywhere_says_the_same(form: str) -> None:
    request, response, expected = HEADS[form]
    first = min(len(request), 60)
    cuts = [(0, 0), *((at, 0) for at in range(1, first)), *((0, at) for at in range(1, len(response)))]
    for asked, answered in cuts:
        pieces = [(0.1, "c", request[:asked]), (0.1, "c", request[asked:])]
        pieces += [(0.3, "s", response[:answered]), (0.3, "s", response[answered:])]
        said = [*(piece for piece in pieces if piece[2]), (0.4, "c", GET), (0.5, "s", OK)]
        http = checked(conversation(*said, port=80)).http
        again = {("shop", "GET", "/a"): 1}.get(expected[:3], 0)
        assert expected in [(*_told(one)[:3], _less(one.statuses, again)) for one in http.groups], (asked, answered)
        assert (http.requests, http.responses) == (2, 2), (asked, answered)


@pytest.mark.parametrize("length", range(150))
def test_lines_may_end_anywhere(length: int) -> None:
    """They are looked for in many bytes at once."""
    other = b"X: " + b"x" * length + b"\r\n"
    asked = b"POST /a HTTP/1.1\r\n" + other + b"Host: shop\r\nContent-Length: 4\r\n" + other + b"\r\nGET "
    answered = b"HTTP/1.1 404 " + b"y" * length + b"\r\nContent-Length: 3\r\n" + other + b"\r\nHTT"
    said = [(0.1, "c", asked), (0.2, "s", answered), (0.3, "c", asked), (0.4, "s", answered)]
    (group,) = checked(conversation(*said, port=80)).http.groups
    assert _told(group) == ("shop", "POST", "/a", {"404": 2})


@pytest.mark.parametrize("length", [1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 150, 240, 249, 250, 251, 255, 256])
@pytest.mark.parametrize("odd", [b"\x1f", b"\x7f", b"\x80", b"\xff"])
def test_what_is_not_printable_is_found_anywhere(length: int, odd: bytes) -> None:
    places = {0, length // 2, length - 1}
    for place in places:
        name = b"n" * place + odd + b"n" * (length - place - 1)
        asked = b"GET /" + name + b" HTTP/1.1\r\nHost: n" + name + b"n\r\n\r\n"
        (group,) = checked(conversation((0.1, "c", asked), (0.2, "s", OK), port=80)).http.groups
        expected = name.replace(odd, b"?").decode()
        assert (group.host, group.path) == (f"n{expected}n"[:255], f"/{expected}"[:200])


@pytest.mark.parametrize(
    ("host", "told"),
    [
        (b"shop\r", "shop"),
        (b"shop \t\r.x", "shop"),
        (b"s\r\rhop", "s"),
        (b"shop" + b" " * 250 + b"\r.x", "shop"),
        (b"shop" + b" " * 600 + b".x", "shop"),
    ],
)
def test_a_host_ends_before_a_carriage_return(host: bytes, told: str) -> None:
    asked = GET.replace(b"shop", host)
    said = [(0.1, "c", asked), (0.2, "s", OK), (0.3, "c", GET), (0.4, "s", OK), (0.5, "c", asked), (0.6, "s", OK)]
    groups = checked(conversation(*said, port=80)).http.groups
    assert {group.host: group.requests.count for group in groups} == (
        {told: 2, "shop": 1} | {told: 2 + (told == "shop")}
    )


def _less(statuses: dict[str, int], again: int) -> dict[str, int]:
    """Without the second request's, where it is of the same group."""
    left = {name: count - (again if name == "200" else 0) for name, count in statuses.items()}
    return {name: count for name, count in left.items() if count}


def test_many_statuses_of_one_group_are_counted_up_to_a_bound() -> None:
    said = []
    for number in range(70):
        said.append((0.1 * number, "c", GET))
        said.append((0.1 * number + 0.05, "s", b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (400 + number)))
    (group,) = checked(conversation(*said, port=80)).http.groups
    assert len(group.statuses) == 25
    assert group.statuses["other"] == 46
    assert list(group.statuses) == sorted(group.statuses)


@pytest.mark.parametrize("method", ["GETS", "POSTS", "PROPFIND", "PRI", "GE", "P"])
def test_methods_that_begin_like_others(method: str) -> None:
    odd = GET.replace(b"GET", method.encode())
    http = checked(conversation((0.1, "c", odd), (0.2, "s", OK), (0.3, "c", odd), (0.4, "s", OK), port=80)).http
    expected = [] if method == "P" else [("shop", method, "/a", {"200": 2})]
    assert [_told(group) for group in http.groups] == expected
