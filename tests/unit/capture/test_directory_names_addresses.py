"""What naming reads from the API's lists, and that many captures share one listing."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from workers.capture.cluster import Cluster
from workers.capture.directory import Shared, addressed_pods, services


def _pod(name: str, phase: str = "Running", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": phase, **status},
    }


def test_a_pod_that_ended_no_longer_owns_the_address_it_shows() -> None:
    items = [
        _pod("report-29", "Succeeded", podIP="198.18.0.9"),
        _pod("evicted", "Failed", podIP="198.18.0.9"),
        _pod("web-1", podIPs=[{"ip": "198.18.0.9"}, {"ip": "2001:db8::9"}]),
        _pod("new", "Pending"),
    ]
    assert [(pod.name, pod.ips) for pod in addressed_pods(items)] == [
        ("web-1", ("198.18.0.9", "2001:db8::9")),
        ("new", ()),
    ]


def test_a_pod_that_ended_at_a_known_time_had_its_address_until_then() -> None:
    stopped = {"state": {"terminated": {"finishedAt": "2026-11-23T22:34:05Z"}}}
    ended = _pod(
        "report-29",
        "Succeeded",
        podIP="198.18.0.9",
        startTime="2026-11-23T22:30:00Z",
        containerStatuses=[stopped, {"state": {"terminated": {"finishedAt": None}}}, {"state": None}],
    )
    running = _pod("web-1", podIP="198.18.0.9", startTime="soon", containerStatuses=[stopped])
    assert [(pod.name, pod.started, pod.ended) for pod in addressed_pods([ended, running])] == [
        ("report-29", 1_795_473_000.0, 1_795_473_245.0),
        ("web-1", 0.0, 0.0),
    ]


def test_services_have_virtual_external_and_balancer_addresses() -> None:
    items: list[dict[str, Any]] = [
        {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"clusterIPs": ["198.19.0.1"]},
         "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"hostname": "lb.example"}]}}},
        {"metadata": {"name": "headless", "namespace": "shop"}, "spec": {"clusterIP": "None"}},
    ]  # fmt: skip
    assert [service.ips for service in services(items)] == [("198.19.0.1", "192.0.2.7"), ()]


def test_what_is_shared_is_made_again_when_old_and_errors_are_not_kept() -> None:
    now, made = [0.0], []
    shared: Shared[int] = Shared(5.0, lambda: now[0])

    def make() -> int:
        made.append(now[0])
        if len(made) == 1:
            raise OSError("away")
        return len(made)

    with pytest.raises(OSError, match="away"):
        shared.get("", make)
    assert [shared.get("", make), shared.get("", make)] == [2, 2]
    now[0] = 6.0
    assert shared.get("", make) == 3


class _Api(http.server.BaseHTTPRequestHandler):
    """Lists 3 pods in pages of one; listing everywhere is forbidden."""

    def do_GET(self) -> None:
        """Answer a list."""
        url = urlsplit(self.path)
        forbidden = url.path == "/api/v1/pods"
        at = int(parse_qs(url.query).get("continue", ["0"])[0])
        more = {"continue": str(at + 1)} if at < 2 and url.path.endswith("/pods") else {}
        items = [_pod(f"web-{at}", podIP=f"198.18.0.{at}")] if url.path.endswith("/pods") else None
        body = json.dumps({"message": "no"} if forbidden else {"metadata": more, "items": items}).encode()
        self.send_response(403 if forbidden else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster seen by an identity that may list one namespace only."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    cluster = Cluster(str(tmp_path / "config"))
    yield cluster
    cluster.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_inventory_reads_every_page_and_falls_back_to_the_namespace(cluster: Cluster) -> None:
    pods, found = cluster.inventory("shop")
    assert [(pod.name, pod.ips) for pod in pods] == [(f"web-{n}", (f"198.18.0.{n}",)) for n in range(3)]
    assert found == []
