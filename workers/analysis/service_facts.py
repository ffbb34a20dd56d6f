"""What was counted of services, as facts."""

from collections import Counter

from workers.analysis.service_groups import Group, Groups
from workers.analysis.service_pools import ServicePools
from workers.contract.facts_services import ServiceFacts, ServiceGroup

Key = tuple[str, str, int, str]
"""Protocol, server, port, operation."""


def told(groups: Groups, pools: ServicePools, most: int) -> ServiceFacts:
    """The busiest groups, so many at most, those with errors or silence first."""
    ranked = sorted(
        groups.all.items(),
        key=lambda item: (-(item[1].failed.count + item[1].unanswered.count), -item[1].requests.count),
    )
    protocols = Counter[str]()
    for key, group in groups.all.items():
        protocols[key[0]] += group.requests.count
    for (protocol, _), group in groups.others.items():
        protocols[protocol] += group.requests.count
    return ServiceFacts(
        requests=protocols.total(),
        responses=sum(_responses(group) for group in (*groups.all.values(), *groups.others.values())),
        protocols={name: requests for name, requests in sorted(protocols.items()) if requests},
        groups=tuple(_group(key, group) for key, group in ranked[:most]),
        more_groups=max(0, len(ranked) - most),
        pools=pools.told(),
    )


def _responses(group: Group) -> int:
    return group.latency.count + group.strays


def _group(key: Key, group: Group) -> ServiceGroup:
    protocol, server, port, operation = key
    return ServiceGroup(
        protocol=protocol,
        server=server,
        server_port=port,
        operation=operation,
        requests=group.requests.tally(),
        responses=_responses(group),
        errors=dict(sorted(group.errors.items())),
        failed=group.failed.tally(),
        unanswered=group.unanswered.tally(),
        latency=group.latency.spread(),
        slowest_frame=group.slowest_frame,
        waits=group.waits,
    )
