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
    assert len(group.statuses) == 65
    assert group.statuses["other"] == 6
    assert list(group.statuses) == sorted(group.statuses)


@pytest.mark.parametrize("method", ["GETS", "POSTS", "PROPFIND", "PRI", "GE", "P"])
def test_methods_that_begin_like_others(method: str) -> None:
    odd = GET.replace(b"GET", method.encode())
    http = checked(conversation((0.1, "c", odd), (0.2, "s", OK), (0.3, "c", odd), (0.4, "s", OK), port=80)).http
    expected = [] if method == "P" else [("shop", method, "/a", {"200": 2})]
    assert [_told(group) for group in http.groups] == expected
