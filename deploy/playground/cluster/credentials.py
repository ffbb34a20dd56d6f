"""Bearer tokens: the administrator's, and signed ones for ServiceAccounts (TokenRequest); kubeconfig files.

ServiceAccount tokens are JWTs with the claims Kubernetes writes, signed by a key that lives as long as the
server; nothing is stored, and a token dies with its ServiceAccount (by uid).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from .objects import Object, uid_of
from .rbac import SUPERUSERS, User
from .resources import SERVICE_ACCOUNTS
from .store import Store

ISSUER = "https://kubernetes.default.svc.cluster.local"
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


def service_account_user(namespace: str, name: str, uid: str = "") -> User:
    """The user a ServiceAccount is, with its groups."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid)


class Tokens:
    """Makes and checks bearer tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = secrets.token_bytes(32)
        self.admin = secrets.token_urlsafe(32)

    def user(self, token: str) -> User | None:
        """Who holds this token; None if nobody may."""
        if secrets.compare_digest(token.encode(), self.admin.encode()):
            return User("kubernetes-admin", (SUPERUSERS, "system:authenticated"))
        claims = self._claims(token)
        if claims is None:
            return None
        namespace, name = claims["kubernetes.io"]["namespace"], claims["kubernetes.io"]["serviceaccount"]["name"]
        account = self._store.get(SERVICE_ACCOUNTS, namespace, name)
        if account is None or uid_of(account) != claims["kubernetes.io"]["serviceaccount"]["uid"]:
            return None
        return service_account_user(namespace, name, uid_of(account))

    def issue(self, account: Object, seconds: int, audiences: list[str]) -> tuple[str, float]:
        """(token, expiry as a POSIX time) for a ServiceAccount."""
        issued = int(time.time())
        expiry = issued + seconds
        namespace, name = account["metadata"]["namespace"], account["metadata"]["name"]
        claims: Object = {
            "aud": audiences or [ISSUER],
            "exp": expiry,
            "iat": issued,
            "iss": ISSUER,
            "jti": secrets.token_hex(16),
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid_of(account)}},
            "nbf": issued,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{signed}.{self._sign(signed)}", expiry

    def _sign(self, text: str) -> str:
        return _base64(hmac.digest(self._key, text.encode(), hashlib.sha256))

    def _claims(self, token: str) -> Object | None:
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(self._sign(signed).encode(), signature.encode()):
            return None
        payload = signed.split(".")[1]
        claims: Object = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims if claims["exp"] > time.time() and ISSUER in claims["aud"] else None


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _encode(claims: Object) -> str:
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


@dataclass(frozen=True)
class Kubeconfig:
    """What a client needs to reach the server as one user."""

    server: str
    ca: bytes
    token: str
    user: str
    namespace: str = "default"

    def as_dict(self) -> Object:
        name, authority = "threadcap-playground", base64.b64encode(self.ca).decode()
        context = {"cluster": name, "user": self.user, "namespace": self.namespace}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.server, "certificate-authority-data": authority}}],
            "users": [{"name": self.user, "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": context}],
            "current-context": name,
        }

    def write(self, path: Path) -> None:
        """Write the file at once and unreadable to others. JSON is YAML."""
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self.as_dict(), file, indent=1)
        aside.replace(path)
