"""What kubectl shows of a used-up quota, a real one and one that is made up, for a pod and for a deployment."""

from pathlib import Path

from tests.integration.playground.cluster_support import CORE, Api
from tests.integration.playground.test_kubectl_faults import FAULTS, kubectl

QUOTA = 'pods "one" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2'


async def test_a_used_up_quota(api: Api, tmp_path: Path) -> None:
    fault = {"kind": "request", "verb": "create", "resource": "pods", "namespace": "default", "code": 403}
    await api.post(FAULTS, fault | {"message": QUOTA, "times": 1})
    words = ("run", "one", "--image=busybox:1", "-n", "default")
    code, errors = await kubectl(api, tmp_path, *words)
    assert (code, errors) == (1, f"Error from server (Forbidden): {QUOTA}\n")
    code, errors = await kubectl(api, tmp_path, *words)
    assert (code, errors) == (0, "")


async def test_a_real_quota_counts_pods(api: Api, tmp_path: Path) -> None:
    made = await kubectl(api, tmp_path, "create", "quota", "small", "--hard=pods=1", "-n", "default")
    assert made == (0, "")
    words = ("run", "--image=busybox:1", "-n", "default", "--restart=Never")
    assert await kubectl(api, tmp_path, *words, "first") == (0, "")
    why = "exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1"
    refused = await kubectl(api, tmp_path, *words, "one")
    assert refused == (1, f'Error from server (Forbidden): pods "one" is forbidden: {why}\n')
    held = f"{CORE}/namespaces/default/resourcequotas/small"
    await api.until(held, lambda _, quota: quota["status"].get("used") == {"pods": "1"})
    await kubectl(api, tmp_path, "delete", "pod", "first", "-n", "default", "--now")
    assert await kubectl(api, tmp_path, *words, "one") == (0, "")


async def test_a_used_up_quota_keeps_a_deployment_from_its_pods(api: Api, tmp_path: Path) -> None:
    fault = {"kind": "request", "verb": "create", "resource": "pods", "namespace": "default", "code": 403}
    await api.post(FAULTS, fault | {"message": QUOTA})
    made = await kubectl(api, tmp_path, "create", "deployment", "many", "--image=busybox:1", "-n", "default")
    assert made == (0, "")
    events = f"{CORE}/namespaces/default/events?fieldSelector=reason=FailedCreate"
    found = await api.until(events, lambda _, e: e["items"])
    assert found["items"][0]["message"] == f"Error creating: {QUOTA}"
    assert (await api.get(f"{CORE}/namespaces/default/pods"))[1]["items"] == []
    await api.post(FAULTS, {"kind": "heal"})
    await api.until(f"{CORE}/namespaces/default/pods", lambda _, pods: pods["items"])
