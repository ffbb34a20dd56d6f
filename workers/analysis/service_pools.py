# cython: annotation_typing=False
"""Connections to services by client and server: how many, and how long each had a request under way.

Requests that wait by their nature (`waits`) keep a connection as long as they please, so connections that carry one
say nothing of a pool and are left out, as are those requests themselves. Bounded; units are nanoseconds.
"""

from workers.analysis.addresses import endpoints
from workers.analysis.samples import NANO
from workers.contract.facts_services import ServicePool

MAX_POOLS = 1024
TOLD_POOLS = 100
_Key = tuple[str, str, str, int]
"""Protocol, client, server, port."""
_CLIENT_PORT = b"\0\0"

_WAITS = {
    "redis": (
        "BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN DEBUG FAILOVER MIGRATE MONITOR PSUBSCRIBE PSYNC"
        " SHUTDOWN SSUBSCRIBE SUBSCRIBE SYNC WAIT WAITAOF XREAD XREADGROUP"
    ),
    "postgresql": "ANALYZE CLUSTER COPY CREATE FETCH LISTEN REFRESH REINDEX VACUUM",
    "mysql": (
        "ALTER ANALYZE COM_BINLOG_DUMP COM_BINLOG_DUMP_GTID COM_SLEEP COM_STMT_FETCH CREATE LOAD OPTIMIZE REPAIR"
    ),
    "kafka": "Fetch FetchSnapshot JoinGroup ShareFetch SyncGroup",
    "mongodb": "OP_GET_MORE compact createIndexes getMore hello isMaster ismaster reIndex validate",
}
"""Long polls, replication and pushes; a consumer's fetch (`fetch.max.wait.ms`) and its group's rebalance; cursors that
wait for data (`awaitData`) and a driver's monitoring (`topologyVersion`); work on whole tables."""
WAITS = frozenset((protocol, name) for protocol, names in _WAITS.items() for name in names.split())


def waits(protocol: str, operation: str) -> bool:
    """Whether such a request takes long by its nature, so that its duration does not speak of the server."""
    return (protocol, operation) in WAITS


class _Pool:
    __slots__ = ("busy", "connections", "first", "last", "requests")

    def __init__(self, first: int) -> None:
        self.connections = self.requests = self.busy = self.last = 0
        self.first = first


class ServicePools:
    """Fed with each connection when it is over."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, bytes], _Pool] = {}
        """By protocol, and a conversation's key without its client's port."""

    def over(self, protocol: str, key: bytes, requests: int, busy: int, first: int, last: int) -> None:
        """A connection that answered requests and never waited by nature; its key is the client's."""
        both = protocol, key[:-4] + _CLIENT_PORT + key[-2:]
        pool = self._pools.get(both)
        if pool is None:
            if len(self._pools) >= MAX_POOLS:
                return
            pool = self._pools[both] = _Pool(first)
        pool.connections += 1
        pool.requests += requests
        pool.busy += busy
        pool.first = min(pool.first, first)
        pool.last = max(pool.last, last)

    def told(self) -> tuple[ServicePool, ...]:
        """As facts, those with most requests first."""
        named = ((_named(*key), pool) for key, pool in self._pools.items())
        ranked = sorted(named, key=lambda item: (-item[1].requests, item[0]))[:TOLD_POOLS]
        return tuple(
            ServicePool(
                protocol=protocol,
                client=client,
                server=server,
                server_port=port,
                connections=pool.connections,
                requests=pool.requests,
                busy=pool.busy * NANO,
                first_at=pool.first * NANO,
                last_at=pool.last * NANO,
            )
            for (protocol, client, server, port), pool in ranked
        )


def _named(protocol: str, key: bytes) -> _Key:
    client, _, server, port = endpoints(key)
    return protocol, client, server, port
