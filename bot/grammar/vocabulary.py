"""The words the grammar knows. Data only."""

from workers.contract.spec import TargetKind

COMMANDS = ("capture", "between", "record", "grab", "extend", "status", "list", "stop", "help")
TOPICS = (*COMMANDS, "filter", "targets", "dry-run")

SYNONYMS = {
    "start": "capture", "run": "capture", "dump": "capture", "sniff": "capture", "tcpdump": "capture",
    "trace": "capture", "ring": "record", "recording": "record", "rec": "record", "fetch": "grab", "take": "grab",
    "save": "grab", "prolong": "extend", "longer": "extend", "more": "extend", "continue": "extend",
    "ls": "list", "jobs": "list", "ps": "list", "show": "status",
    "cancel": "stop", "end": "stop", "abort": "stop", "kill": "stop", "halt": "stop", "quit": "stop",
    "filters": "filter", "usage": "help", "man": "help", "hello": "help", "hi": "help", "target": "targets",
    "plan": "dry-run", "dryrun": "dry-run",
}  # fmt: skip
"""What people also say; offered as a correction, never obeyed."""

PLANNING = frozenset({"plan", "dry-run", "dryrun", "preview"})
"""Words that mean --dry-run."""


FINDINGS = frozenset(
    "analysis-failed capture-drops capture-partial certificate certificate-name client-slow clock-skew"
    " connection-refused connections-full dhcp-refused dhcp-unanswered dns-failure dns-nxdomain dns-search-list"
    " dns-slow dns-timeout dns-truncated dns-unanswered grpc-errors hairpin half-open health-check http-errors"
    " http-slow http-unanswered http-upstream http2-goaway http2-reset icmp-error idle-reset mtu-black-hole"
    " network-slow nothing-captured ntp-offset ntp-unanswered ntp-unsynchronised one-way pool-exhausted"
    " port-exhaustion port-scan quic-unanswered reset reset-middlebox retransmission-burst retransmissions retries"
    " service-errors service-slow service-unanswered stale-connection syn-flood syn-retried syn-unanswered"
    " tls-alert tls-incomplete tls-refused window-limited zero-window".split()
)
"""Rules whose finding may end a capture; `any` means the first one that tells of trouble."""

KINDS = {
    **dict.fromkeys(("po", "pod", "pods"), TargetKind.POD),
    **dict.fromkeys(("deploy", "deployment", "deployments", "deployment.apps"), TargetKind.DEPLOYMENT),
    **dict.fromkeys(("sts", "statefulset", "statefulsets", "statefulset.apps"), TargetKind.STATEFULSET),
    **dict.fromkeys(("ds", "daemonset", "daemonsets", "daemonset.apps"), TargetKind.DAEMONSET),
    **dict.fromkeys(("job", "jobs", "job.batch"), TargetKind.JOB),
    **dict.fromkeys(("cronjob", "cronjobs", "cj", "cronjob.batch"), TargetKind.CRONJOB),
    **dict.fromkeys(("svc", "service", "services"), TargetKind.SERVICE),
    **dict.fromkeys(("ing", "ingress", "ingresses", "ingress.networking.k8s.io"), TargetKind.INGRESS),
    **dict.fromkeys(("no", "node", "nodes"), TargetKind.NODE),
    **dict.fromkeys(("ns", "namespace", "namespaces"), TargetKind.NAMESPACE),
}
KIND_FORMS = (
    "pod/NAME, deploy/NAME, sts/NAME, ds/NAME, svc/NAME, job/NAME, cronjob/NAME, ingress/HOST, node/NAME or ns/NAME"
)
PLACELESS = frozenset({TargetKind.NODE, TargetKind.NAMESPACE})
"""Kinds that are in no namespace."""

OTHER_KINDS = frozenset("rs replicaset replicasets cm configmap secret rc ep endpoints endpointslice hpa pvc".split())
"""Kubernetes kinds that are no target: the reason says so rather than guessing at a namespace."""

OPTIONS = {
    "-n": "namespace", "--namespace": "namespace", "-c": "container", "--container": "container",
    "--for": "duration", "--packets": "packets", "--max-bytes": "size", "--snaplen": "snaplen",
    "-i": "interface", "--interface": "interface", "-l": "selector", "--selector": "selector",
    "--max-pods": "max_pods", "--method": "method", "--dry-run": "dry_run", "--wait": "wait", "--until": "until",
    "--keep": "keep", "--anyway": "anyway",
}  # fmt: skip
FLAGS = frozenset({"dry_run", "anyway"})
"""Options without a value."""
OPTION_SYNONYMS = {
    "--duration": "--for", "--time": "--for", "--timeout": "--for", "-t": "--for", "--seconds": "--for",
    "--count": "--packets", "-p": "--packets", "--size": "--max-bytes", "--bytes": "--max-bytes",
    "-s": "--snaplen", "--snap": "--snaplen", "--ns": "--namespace", "--iface": "--interface",
    "--label": "--selector", "--labels": "--selector", "-f": "--", "--filter": "--", "--pods": "--max-pods",
    "--limit": "--max-pods", "--via": "--method", "--how": "--method", "--plan": "--dry-run", "--dryrun": "--dry-run",
    "--preview": "--dry-run", "--force": "--anyway", "--last": "--keep", "--ring": "--keep",
}  # fmt: skip

NAMED_NEXT = frozenset("host net port portrange gateway proto protochain mask vlan mpls geneve vxlan ifname on".split())
"""Words of pcap-filter(7) after which any word may stand as a name or number."""

PCAP_WORDS = NAMED_NEXT | frozenset(
    "tcp udp icmp icmp6 igmp igrp ip ip6 arp rarp ether link sctp ah esp pim vrrp carp llc stp isis wlan fddi tr ppp"
    " slip radio atalk aarp decnet iso lat moprc mopdl src dst and or not len less greater broadcast multicast inbound"
    " outbound ifindex pppoed pppoes ra ta type subtype dir mgt ctl data".split()
)
"""Words of pcap-filter(7)."""

FILTER_STARTS = frozenset(
    "port portrange host net tcp udp icmp icmp6 ip ip6 arp src dst not sctp ether vlan proto less greater len".split()
)
"""A bare word of these is the start of a filter, never a pod's name (write pod/tcp for a pod so named)."""

RESERVED = FILTER_STARTS | {"for", "in", "help", "until", "between"}
"""Bare words with a meaning of their own; a pod of that name is written pod/in."""
