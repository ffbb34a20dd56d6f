"""ServiceAccount tokens, and kubeconfig files nobody else reads."""

import base64
import json
from pathlib import Path

from deploy.playground.cluster.credentials import Kubeconfig, Tokens
from deploy.playground.cluster.resources import SERVICE_ACCOUNTS
from deploy.playground.cluster.store import Store


def test_tokens_are_checked_whole() -> None:
    store = Store()
    account = store.put(SERVICE_ACCOUNTS, {"metadata": {"name": "w", "namespace": "n", "uid": "u1"}})
    tokens = Tokens(store)
    token, _ = tokens.issue(account, 600, [])
    user = tokens.user(token)
    assert user is not None
    assert (user.name, user.uid) == ("system:serviceaccount:n:w", "u1")
    head, claims, signature = token.split(".")
    forged = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged["kubernetes.io"]["serviceaccount"]["name"] = "other"
    changed = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    for wrong in ("", "x", "a.b.c", f"{head}.{changed}.{signature}", token[:-1], f"{token}é"):
        assert tokens.user(wrong) is None
    assert tokens.user(tokens.issue(account, -1, [])[0]) is None
    assert tokens.user(tokens.issue(account, 600, ["elsewhere"])[0]) is None
    admin = tokens.user(tokens.admin)
    assert admin is not None
    assert "system:masters" in admin.groups


def test_kubeconfig_is_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config"
    Kubeconfig("https://127.0.0.1:1", b"CA", "secret", "me", "shop").write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    written = json.loads(path.read_text())
    assert written["users"][0]["user"]["token"] == "secret"
    assert written["contexts"][0]["context"]["namespace"] == "shop"
    assert [p.name for p in path.parent.iterdir()] == ["config"]
