"""What was counted of services, as facts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workers.analysis.samples import Frames
from workers.analysis.service_pools import ServicePools, waits
from workers.contract.facts_services import ServiceFacts, ServiceGroup

if TYPE_CHECKING:
    from workers.analysis.services import _Group

Key = tuple[str, str, int, str]
"""Protocol, server, port, operation."""


def told(
    groups: Mapping[Key, "_Group"], protocols: Mapping[str, Frames], responses: int, pools: ServicePools, most: int
) -> ServiceFacts:
    """The busiest groups, so many at most, those with errors or silence first."""
    ranked = sorted(
        groups.items(),
        key=lambda item: (-(item[1].failed.count + item[1].unanswered.count), -item[1].requests.count),
    )
    return ServiceFacts(
        requests=sum(tallied.count for tallied in protocols.values()),
        responses=responses,
        protocols={name: tallied.count for name, tallied in sorted(protocols.items()) if tallied.count},
        groups=tuple(_group(key, group) for key, group in ranked[:most]),
        more_groups=max(0, len(ranked) - most),
        pools=pools.told(),
    )


def _group(key: Key, group: "_Group") -> ServiceGroup:
    protocol, server, port, operation = key
    return ServiceGroup(
        protocol=protocol,
        server=server,
        server_port=port,
        operation=operation,
        requests=group.requests.tally(),
        responses=group.responses,
        errors=dict(sorted(group.errors.items())),
        failed=group.failed.tally(),
        unanswered=group.unanswered.tally(),
        latency=group.latency.spread(),
        slowest_frame=group.slowest_frame,
        waits=waits(protocol, operation),
    )
