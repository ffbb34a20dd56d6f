"""When a filter matched nothing: a short look without it, headers only, to say what the pod does instead."""

from contextlib import closing

import structlog
from msgspec.structs import replace

from workers.capture.attached import AttachedCapture
from workers.capture.plans import NODE, VETH, Plan
from workers.capture.spool import Spool
from workers.capture.start_line import alone
from workers.capture.tcpdump import attached_argv
from workers.contract.errors import ThreadcapError
from workers.contract.job import Job
from workers.delivery import Tools
from workers.sandbox.parent import Sandbox

log = structlog.get_logger(__name__)

SECONDS = 2.0
PACKETS = 500
HEADERS = 96
"""Bytes of each packet: enough for addresses and ports, not for what was said."""


def other_ports(job: Job, made: Plan, tools: Tools) -> dict[str, int]:
    """Return "tcp/443" -> packets seen in a moment without the filter; {} when nothing was seen or we can't look."""
    if made.method in (NODE, VETH):  # an exec there is in another network namespace
        return {}
    spec = replace(job.spec, filter="", duration=SECONDS, max_packets=PACKETS, snaplen=HEADERS)
    argv = attached_argv(
        spec,
        job.id,
        as_root=made.may_change_user,
        digest=made.digest,
        program=f"{made.folder}/tcpdump" if made.folder else "tcpdump",
    )
    path = tools.spool_dir / f"{job.id}-{job.epoch}-{made.pod.name}-glance.pcap"
    with closing(Spool(path)) as spool:
        try:
            AttachedCapture(tools.cluster, made, spec, job.id, spool, argv).run(alone())
            return _ports(job.id, path.read_bytes())
        except ThreadcapError as error:
            log.info("no glance", job=job.id, pod=made.pod.name, error=str(error))
            return {}
        finally:
            path.unlink(missing_ok=True)


def _ports(job_id: str, pcap: bytes) -> dict[str, int]:
    with closing(Sandbox(job_id)) as sandbox:
        sandbox.feed(0, pcap)
        facts = sandbox.finish(30).get(0)
    return dict(facts.ports) if facts is not None else {}
