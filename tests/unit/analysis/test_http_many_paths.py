"""More paths than groups are kept: what is behind the bound is counted, and is no connection of its own."""

from tests.unit.analysis.talks import checked, conversation

MAX_GROUPS = 2048
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_requests_beyond_the_kept_groups_are_of_the_same_connection() -> None:
    paths = [b"/%d" % number for number in range(MAX_GROUPS)]
    paths += [b"/beyond/%d" % (number % 30) for number in range(90)] + [b"/7", b"/%d" % (MAX_GROUPS - 1), b"/b\xffyond"]
    said = []
    for number, path in enumerate(paths):
        said.append((number / 100, "c", b"GET %b HTTP/1.1\r\nHost: shop\r\n\r\n" % path))
        said.append((number / 100 + 0.005, "s", OK))
    http = checked(conversation(*said, port=80)).http
    assert (http.requests, http.responses, http.statuses) == (len(paths), len(paths), {"200": len(paths)})
    assert len(http.groups) + http.more_groups == MAX_GROUPS
    assert {group.path for group in http.groups if group.requests.count == 2} == {"/7", f"/{MAX_GROUPS - 1}"}
    (pool,) = http.pools
    assert (pool.connections, pool.requests) == (1, len(paths))


def test_what_is_beyond_them_is_tried_again_and_stays_unanswered_unseen() -> None:
    said = []
    for number in range(MAX_GROUPS):
        said.append((number / 100, "c", b"GET /%d HTTP/1.1\r\nHost: shop\r\n\r\n" % number))
        said.append((number / 100 + 0.005, "s", OK))
    again = b"GET /beyond HTTP/1.1\r\nHost: shop\r\nX-Request-Id: one\r\n\r\n"
    said += [(30, "c", again), (31, "s", OK.replace(b"200", b"503")), (32, "c", again)]
    said += [(33, "s", OK), (34, "c", again), (90, "s", b"?")]
    http = checked(conversation(*said, port=80)).http
    assert (http.requests, http.responses) == (MAX_GROUPS + 3, MAX_GROUPS + 2)
    assert sum(group.unanswered.count + group.repeats.count for group in http.groups) == 0


def test_a_request_that_is_answered_before_it_ends_goes_on() -> None:
    post = b"POST /up HTTP/1.1\r\nHost: shop\r\nContent-Length: 20\r\n\r\n"
    said = [(0.1, "c", post), (0.2, "s", OK), (0.3, "c", b"x" * 20)]
    said += [(0.4, "c", post), (0.5, "c", b"y" * 20), (0.7, "s", OK), (0.8, "c", post), (0.9, "s", OK)]
    http = checked(conversation(*said, port=80)).http
    (group,) = http.groups
    assert group.latency.count == 3
    assert (round(group.latency.min, 3), round(group.latency.max, 3)) == (0.1, 0.2)
    assert group.upload.count == 3
    assert round(group.upload.max, 3) == 0.1
