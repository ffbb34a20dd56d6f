"""A kopf operator against the API server: status patches, events, a finalizer that lets go."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playground.cluster_support import CORE, Api
from tests.integration.playground.test_api_custom_resources import CRDS, HOME, definition, probe

OPERATOR = Path(__file__).with_name("probe_operator.py")
FINALIZER = "kopf.zalando.org/KopfFinalizerMarker"
SECONDS = 60


@pytest.fixture
async def operated(api: Api, tmp_path: Path) -> AsyncIterator[Api]:
    """The server with `probes` defined and the operator running in `default`."""
    await api.post(CRDS, definition())
    api.cluster.kubeconfig().write(tmp_path / "kubeconfig")
    argv = [sys.executable, "-m", "kopf", "run", "--standalone", "-n", "default", str(OPERATOR)]
    environment = os.environ | {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*argv, stdout=log, stderr=log, env=environment)
    try:
        yield api
    finally:
        process.terminate()
        await process.wait()
    assert "Traceback" not in (tmp_path / "log").read_text()


async def test_an_operator_follows_an_object_from_creation_to_its_end(operated: Api) -> None:
    api = operated

    async def until(path: str, wanted: Any) -> Any:
        return await api.until(path, wanted, seconds=SECONDS)

    await api.post(HOME, probe(target="shop"))
    found = await until(f"{HOME}/a", lambda _, a: a.get("status", {}).get("phase"))
    assert found["status"] == {"phase": "Watching", "made": {"target": "shop"}}
    assert found["metadata"]["finalizers"] == [FINALIZER]
    events = f"{CORE}/namespaces/default/events?fieldSelector=involvedObject.name=a"
    told = await until(events, lambda _, e: "Probing" in {i["reason"] for i in e["items"]})
    (event,) = (item for item in told["items"] if item["reason"] == "Probing")
    assert (event["message"], event["involvedObject"]["uid"]) == ("looks at shop", found["metadata"]["uid"])
    newer = "/apis/events.k8s.io/v1/namespaces/default/events"
    _, listed = await api.get(newer)
    assert ("looks at shop", "a") in [(item["note"], item["regarding"]["name"]) for item in listed["items"]]

    await api.patch(f"{HOME}/a", {"spec": {"target": "bar"}}, "merge-patch+json")
    await until(f"{HOME}/a", lambda _, a: a["status"].get("moved") == "shop to bar")

    _, held = await api.delete(f"{HOME}/a")
    assert held["metadata"]["deletionTimestamp"]
    await until(f"{HOME}/a", lambda code, _: code == 404)
