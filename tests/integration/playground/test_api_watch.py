"""list, watch and pages: order, selection, expiry, bookmarks."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.integration.playground.cluster_support import CORE, SECONDS, Api, fake_cluster


async def events(api: Api, path: str, count: int) -> list[Any]:
    """The first `count` events of a watch."""
    found = []
    async with asyncio.timeout(SECONDS), api.session.get(path, headers=api.headers) as response:
        assert response.status == 200
        async for line in _lines(response.content):
            found.append(json.loads(line))
            if len(found) == count:
                break
    return found


async def _lines(content: Any) -> AsyncIterator[bytes]:
    async for line in content:
        yield line


async def make(api: Api, home: str, name: str, **labels: str) -> Any:
    _, made = await api.post(f"{home}/configmaps", {"metadata": {"name": name, "labels": labels}})
    return made


async def test_watch_goes_on_from_a_revision(api: Api) -> None:
    home = await api.namespace("shop")
    _, listed = await api.get(f"{home}/configmaps")
    since = listed["metadata"]["resourceVersion"]
    await make(api, home, "a")
    await api.patch(f"{home}/configmaps/a", {"data": {"k": "v"}})
    await api.delete(f"{home}/configmaps/a")
    path = f"{home}/configmaps?watch=true&resourceVersion={since}&fieldSelector=metadata.name=a"
    found = await events(api, path, 3)
    assert [event["type"] for event in found] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in found]
    assert versions == sorted(versions)


async def test_leaving_a_selection_is_a_deletion(api: Api) -> None:
    home = await api.namespace("shop")
    made = await make(api, home, "a", app="x")
    since = made["metadata"]["resourceVersion"]
    await api.patch(f"{home}/configmaps/a", {"metadata": {"labels": {"app": "y"}}})
    await api.patch(f"{home}/configmaps/a", {"metadata": {"labels": {"app": "x"}}})
    path = f"{home}/configmaps?watch=true&resourceVersion={since}&labelSelector=app%3Dx"
    assert [event["type"] for event in await events(api, path, 2)] == ["DELETED", "ADDED"]


async def test_too_old_a_revision_is_410() -> None:
    with TemporaryDirectory(prefix="threadcap-") as directory:
        async with fake_cluster(Path(directory), history=3) as (api, _):
            home = await api.namespace("shop")
            for number in range(12):
                await make(api, home, f"c{number}")
            (found,) = await events(api, f"{home}/configmaps?watch=true&resourceVersion=1", 1)
    assert found["type"] == "ERROR"
    assert (found["object"]["code"], found["object"]["reason"]) == (410, "Expired")
    assert found["object"]["message"].startswith("too old resource version: 1 (")


async def test_initial_events_end_with_a_bookmark(api: Api) -> None:
    home = await api.namespace("shop")
    words = "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    found = await events(api, f"{home}/serviceaccounts?{words}", 2)
    assert [event["type"] for event in found] == ["ADDED", "BOOKMARK"]
    assert found[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_ends_with_its_time(api: Api) -> None:
    path = f"{CORE}/namespaces?watch=true&timeoutSeconds=1"
    async with asyncio.timeout(SECONDS), api.session.get(path, headers=api.headers) as response:
        lines = [json.loads(line) async for line in _lines(response.content)]
    assert {line["type"] for line in lines} == {"ADDED"}


async def test_a_bookmark_comes_before_the_time_is_up(api: Api) -> None:
    home = await api.namespace("shop")
    made = await make(api, home, "a")
    since = made["metadata"]["resourceVersion"]
    await make(api, (await api.namespace("other")), "elsewhere")
    words = f"watch=true&resourceVersion={since}&allowWatchBookmarks=true&timeoutSeconds=3"
    async with asyncio.timeout(SECONDS), api.session.get(f"{home}/configmaps?{words}", headers=api.headers) as response:
        lines = [json.loads(line) async for line in _lines(response.content)]
    assert [line["type"] for line in lines][-1:] == ["BOOKMARK"]
    assert (lines[-1]["object"]["kind"], "spec" in lines[-1]["object"]) == ("ConfigMap", False)
    assert int(lines[-1]["object"]["metadata"]["resourceVersion"]) > int(since)


async def test_a_forgotten_page_is_410(api: Api) -> None:
    home = await api.namespace("shop")
    for name in "abc":
        await make(api, home, name)
    path = f"{home}/configmaps?limit=1"
    _, first = await api.get(path)
    for _ in range(64):
        await api.get(path)
    code, status = await api.get(f"{path}&continue={first['metadata']['continue']}")
    assert (code, status["reason"]) == (410, "Expired")
    assert status["message"].startswith(
        "The provided continue parameter is too old to display a consistent list result"
    )


async def test_pages_are_of_one_moment(api: Api) -> None:
    home = await api.namespace("shop")
    for name in "abcde":
        await make(api, home, name, page="yes")
    path = f"{home}/configmaps?labelSelector=page&limit=2"
    _, first = await api.get(path)
    await make(api, home, "aa", page="yes")
    names, token = [item["metadata"]["name"] for item in first["items"]], first["metadata"]["continue"]
    while token:
        _, page = await api.get(f"{path}&continue={token}")
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        token = page["metadata"].get("continue")
    assert names == list("abcde")
    code, status = await api.get(f"{path}&continue=bm9uc2Vuc2U")
    assert (code, status["message"]) == (400, "continue key is not valid")


async def test_tables_are_what_kubectl_asks_for(api: Api) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    _, found = await api.get(f"{CORE}/nodes", Accept=accept)
    assert found["kind"] == "Table"
    assert [column["name"] for column in found["columnDefinitions"]][:3] == ["Name", "Status", "Roles"]
    assert found["rows"][0]["cells"][:2] == ["node-1", "Ready"]
    assert found["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
