"""The only redis import: RedisJobStore, the JobStore of ports.py on a Redis (or Valkey) server.

Every move is one Lua script, so it happens whole or not at all, whoever else writes; all times that decide
anything are the server's. Records live for `retention` seconds after their end. Errors of the client library
become StoreUnavailable here and nowhere else.
"""

import contextlib
import importlib.resources
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import redis
from msgspec import structs

from workers.contract import codec
from workers.contract.errors import JobNotFound, StaleEpoch, StoreUnavailable
from workers.contract.job import SCHEMA_VERSION, Job, Person, extended, stopped
from workers.contract.ports import Debt, Dirty, Lease

RETENTION = 14 * 24 * 3600
AUDIT_LENGTH = 1_000_000
CAS_TRIES = 50
_SCRIPTS = ("create", "change", "acquire", "renew", "admit", "claim", "settle", "take")


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise StoreUnavailable(
            "The job store cannot be reached right now. Try again in a minute.",
            detail=f"{doing}: {type(error).__name__}: {str(error)[:200]}",
        ) from error


class RedisJobStore:
    """JobStore on Redis. Safe to share between threads, except the two blocking waits (one caller each)."""

    def __init__(self, url: str, *, prefix: str = "tc:", retention: int = RETENTION) -> None:
        self._redis = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=10, socket_connect_timeout=5, health_check_interval=15
        )
        self._prefix = prefix
        self._retention = retention
        self._scripts = {name: self._redis.register_script(_source(name)) for name in _SCRIPTS}
        self._subscriptions: dict[str, redis.client.PubSub] = {}
        self._subscribing = threading.Lock()

    # -- records ---------------------------------------------------------------------------------------------

    def create(self, job: Job) -> bool:
        """See JobStore.create."""
        created = job.created or time.time()
        job = structs.replace(job, created=created, updated=created, version=0)
        keys = [self._job(job.id), self._key("open"), self._key("dirty"), self._key("jobs")]
        return bool(self._run("create", keys, [job.id, _dump(job), created, self._key("wake")]))

    def get(self, job_id: str) -> Job:
        """See JobStore.get."""
        with _translated("get"):
            fields = cast(list[str | None], self._redis.hmget(self._job(job_id), ["doc", "version", "epoch"]))
        return _load(job_id, fields)

    def recent(self, limit: int = 20) -> list[Job]:
        """See JobStore.recent."""
        with _translated("recent"):
            ids = cast(list[str], self._redis.zrevrange(self._key("jobs"), 0, max(0, limit - 1)))
        return self._existing(ids)

    def unfinished(self) -> list[Job]:
        """See JobStore.unfinished."""
        with _translated("unfinished"):
            ids = cast(set[str], self._redis.smembers(self._key("open")))
        return sorted(self._existing(sorted(ids)), key=lambda job: job.created)

    def change(self, job_id: str, change: Callable[[Job], Job], *, epoch: int | None = None) -> Job:
        """See JobStore.change."""
        for _ in range(CAS_TRIES):
            old = self.get(job_id)
            if epoch is not None and old.epoch != epoch:
                raise _stale(job_id, epoch)
            new = change(old)
            if new is old or new == old:
                return old
            new = structs.replace(new, version=old.version + 1, epoch=old.epoch, updated=time.time())
            if self._swap(old, new, epoch):
                return new
        raise StoreUnavailable(
            "The job store is too busy right now. Try again in a minute.", detail=f"change {job_id}: lost every race"
        )

    def _swap(self, old: Job, new: Job, epoch: int | None) -> bool:
        keys = [self._job(new.id), self._key("open"), self._key("dirty")]
        expected = "" if epoch is None else epoch
        final = "1" if new.final else "0"
        args = [new.id, old.version, expected, _dump(new), final, self._key("wake"), self._retention]
        answer = self._run("change", keys, args)
        if answer == -1:
            raise _unknown(new.id)
        if answer == -3:
            raise _stale(new.id, epoch)
        return cast(int, answer) >= 0

    # -- leases ----------------------------------------------------------------------------------------------

    def acquire(self, job_id: str, owner: str, ttl: float) -> Lease | None:
        """See JobStore.acquire."""
        epoch = cast(int, self._run("acquire", [self._job(job_id), self._key("leases")], [job_id, owner, ttl]))
        if epoch == -1:
            raise _unknown(job_id)
        return Lease(job_id, owner, epoch) if epoch else None

    def renew(self, leases: Sequence[Lease], ttl: float) -> list[Lease]:
        """See JobStore.renew. One round trip for all of them."""
        with _translated("renew"):
            pipe = self._redis.pipeline(transaction=False)
            for lease in leases:
                keys = [self._job(lease.job_id), self._key("leases")]
                self._scripts["renew"](keys=keys, args=[lease.job_id, lease.owner, lease.epoch, ttl], client=pipe)
            answers = pipe.execute()
        return [lease for lease, ours in zip(leases, answers, strict=True) if not ours]

    def release(self, lease: Lease) -> None:
        """See JobStore.release."""
        keys = [self._job(lease.job_id), self._key("leases")]
        self._run("renew", keys, [lease.job_id, lease.owner, lease.epoch, 0])

    def lapsed(self) -> list[str]:
        """See JobStore.lapsed."""
        with _translated("lapsed"):
            seconds, micros = self._redis.time()
            now = seconds + micros / 1e6
            return cast(list[str], self._redis.zrangebyscore(self._key("leases"), "-inf", now))

    # -- wishes ----------------------------------------------------------------------------------------------

    def request_stop(self, job_id: str, by: Person, *, discard: bool = False) -> Job:
        """See JobStore.request_stop."""
        return self._wished(job_id, lambda old: stopped(old, by, discard=discard))

    def request_extension(self, job_id: str, by: Person, seconds: float, most: float) -> Job:
        """See JobStore.request_extension."""
        return self._wished(job_id, lambda old: extended(old, by, seconds, most))

    def wishes(self, timeout: float) -> list[str]:
        """See JobStore.wishes."""
        return self._messages("wish", timeout)

    def _wished(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        job = self.change(job_id, change)
        with _translated("wish"):
            self._redis.publish(self._key("wish"), job_id)
        return job

    # -- places ----------------------------------------------------------------------------------------------

    def admit(self, job_id: str, limits: Mapping[str, int], ttl: float) -> str:
        """See JobStore.admit."""
        names = [name for name, most in limits.items() if most > 0]
        args = [job_id, ttl, *(limits[name] for name in names)]
        full = cast(int, self._run("admit", [self._places(name) for name in names], args)) if names else 0
        return names[full - 1] if full else ""

    def dismiss(self, job_id: str, names: Sequence[str]) -> None:
        """See JobStore.dismiss."""
        with _translated("dismiss"):
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.zrem(self._places(name), job_id)
            pipe.execute()

    # -- debts -----------------------------------------------------------------------------------------------

    def owe(self, debt: Debt) -> None:
        """See JobStore.owe."""
        with _translated("owe"):
            self._redis.hsetnx(self._key("debts"), debt.key, json.dumps(codec.encode(debt)))

    def debts(self) -> list[Debt]:
        """See JobStore.debts."""
        with _translated("debts"):
            found = cast(dict[str, str], self._redis.hgetall(self._key("debts")))
        return sorted((codec.decode(Debt, json.loads(one)) for one in found.values()), key=lambda debt: debt.since)

    def forgive(self, debt: Debt) -> None:
        """See JobStore.forgive."""
        with _translated("forgive"):
            self._redis.hdel(self._key("debts"), debt.key)

    # -- threads ---------------------------------------------------------------------------------------------

    def claim_dirty(self, owner: str, ttl: float, limit: int = 50) -> list[Dirty]:
        """See JobStore.claim_dirty."""
        args = [owner, int(ttl * 1000), limit, self._key("job:"), self._key("render:")]
        flat = cast(list[str], self._run("claim", [self._key("dirty")], args))
        return [Dirty(job_id, int(mark)) for job_id, mark in zip(flat[::2], flat[1::2], strict=True)]

    def settle(self, dirty: Dirty, owner: str, *, again_in: float | None = None) -> None:
        """See JobStore.settle."""
        keys = [self._key("dirty"), self._job(dirty.job_id), self._key(f"render:{dirty.job_id}")]
        self._run("settle", keys, [dirty.job_id, dirty.mark, owner, "" if again_in is None else again_in])

    def wait_dirty(self, timeout: float) -> bool:
        """See JobStore.wait_dirty."""
        return bool(self._messages("wake", timeout))

    def posted(self, job_id: str) -> dict[str, str]:
        """See JobStore.posted."""
        with _translated("posted"):
            return cast(dict[str, str], self._redis.hgetall(self._key(f"posted:{job_id}")))

    def record_posted(self, job_id: str, **ids: str) -> None:
        """See JobStore.record_posted."""
        key = self._key(f"posted:{job_id}")
        with _translated("record_posted"):
            pipe = self._redis.pipeline()
            pipe.hset(key, mapping=cast(Any, ids))
            pipe.expire(key, self._retention)
            pipe.execute()

    # -- small shared things ---------------------------------------------------------------------------------

    def once(self, key: str, ttl: float) -> bool:
        """See JobStore.once."""
        with _translated("once"):
            return bool(self._redis.set(self._key(f"once:{key}"), "1", nx=True, px=int(ttl * 1000)))

    def take(self, bucket: str, *, per_second: float, burst: int, reserve: int = 0) -> float:
        """See JobStore.take."""
        wait = self._run("take", [self._key(f"bucket:{bucket}")], [per_second, burst, reserve])
        return cast(int, wait) / 1000

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See JobStore.audit."""
        entry = {"action": action, "at": f"{time.time():.3f}", **{k: _flat(v) for k, v in fields.items()}}
        with _translated("audit"):
            self._redis.xadd(self._key("audit"), cast(Any, entry), maxlen=AUDIT_LENGTH, approximate=True)

    def audited(self, count: int = 100) -> list[dict[str, str]]:
        """Return the newest audit entries, newest first."""
        with _translated("audited"):
            entries = cast(list[tuple[str, dict[str, str]]], self._redis.xrevrange(self._key("audit"), count=count))
        return [fields for _, fields in entries]

    def ping(self) -> None:
        """See JobStore.ping."""
        with _translated("ping"):
            self._redis.ping()

    def close(self) -> None:
        """Close every connection."""
        for subscription in self._subscriptions.values():
            subscription.close()
        self._redis.close()

    # -- inside ----------------------------------------------------------------------------------------------

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _job(self, job_id: str) -> str:
        return self._key(f"job:{job_id}")

    def _places(self, name: str) -> str:
        return self._key(f"places:{name}")

    def _run(self, script: str, keys: list[str], args: list[Any]) -> object:
        with _translated(script):
            return self._scripts[script](keys=keys, args=args)

    def _existing(self, ids: Sequence[str]) -> list[Job]:
        with _translated("read"):
            pipe = self._redis.pipeline(transaction=False)
            for job_id in ids:
                pipe.hmget(self._job(job_id), ["doc", "version", "epoch"])
            rows = pipe.execute()
        return [_load(job_id, row) for job_id, row in zip(ids, rows, strict=True) if row[0]]

    def _messages(self, channel: str, timeout: float) -> list[str]:
        """Wait for the first message of a channel, then take what else is there."""
        found: list[str] = []
        with _translated(f"wait {channel}"):
            subscription = self._subscription(channel)
            deadline = time.monotonic() + timeout
            while True:
                wait = 0.0 if found else max(0.0, deadline - time.monotonic())
                message = subscription.get_message(ignore_subscribe_messages=True, timeout=wait)
                if message is not None:
                    found.append(str(message["data"]))
                elif found or time.monotonic() >= deadline:
                    return found

    def _subscription(self, channel: str) -> "redis.client.PubSub":
        with self._subscribing:
            if channel not in self._subscriptions:
                subscription: redis.client.PubSub = self._redis.pubsub()
                subscription.subscribe(self._key(channel))
                self._subscriptions[channel] = subscription
            return self._subscriptions[channel]


def _source(name: str) -> str:
    return importlib.resources.files("workers").joinpath("lua", f"{name}.lua").read_text()


def _dump(job: Job) -> str:
    return json.dumps(codec.encode(job), ensure_ascii=False, separators=(",", ":"))


def _load(job_id: str, fields: Sequence[str | None]) -> Job:
    doc, version, epoch = fields
    if doc is None:
        raise _unknown(job_id)
    data = json.loads(doc)
    if data.get("schema", 0) > SCHEMA_VERSION:
        raise StoreUnavailable(
            f"Capture {job_id} was written by a newer Threadcap. Update this one.",
            detail=f"schema {data.get('schema')} > {SCHEMA_VERSION}",
        )
    return structs.replace(codec.decode(Job, data), version=int(version or 0), epoch=int(epoch or 0))


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(codec.encode(value), ensure_ascii=False)


def _unknown(job_id: str) -> JobNotFound:
    return JobNotFound(f"There is no capture {job_id[:40]}. `list` shows the recent ones.")


def _stale(job_id: str, epoch: int | None) -> StaleEpoch:
    return StaleEpoch(f"Another worker has taken over capture {job_id}.", detail=f"{job_id}: epoch {epoch} is old")
