"""The words the grammar knows. Data only."""

from workers.contract.spec import TargetKind

COMMANDS = ("capture", "status", "list", "stop", "help")
TOPICS = (*COMMANDS, "filter")

SYNONYMS = {
    "start": "capture", "run": "capture", "record": "capture", "dump": "capture", "sniff": "capture",
    "tcpdump": "capture", "trace": "capture", "ls": "list", "jobs": "list", "ps": "list", "show": "status",
    "cancel": "stop", "end": "stop", "abort": "stop", "kill": "stop", "halt": "stop", "quit": "stop",
    "filters": "filter", "usage": "help", "man": "help", "hello": "help", "hi": "help",
}  # fmt: skip
"""What people also say; offered as a correction, never obeyed."""

KINDS = {
    **dict.fromkeys(("po", "pod", "pods"), TargetKind.POD),
    **dict.fromkeys(("deploy", "deployment", "deployments", "deployment.apps"), TargetKind.DEPLOYMENT),
    **dict.fromkeys(("sts", "statefulset", "statefulsets", "statefulset.apps"), TargetKind.STATEFULSET),
    **dict.fromkeys(("ds", "daemonset", "daemonsets", "daemonset.apps"), TargetKind.DAEMONSET),
    **dict.fromkeys(("svc", "service", "services"), TargetKind.SERVICE),
}
KIND_FORMS = "pod/NAME, deploy/NAME, sts/NAME, ds/NAME or svc/NAME"

OTHER_KINDS = frozenset(
    "rs replicaset replicasets job jobs cj cronjob cronjobs no node nodes ns namespace namespaces ing ingress"
    " cm configmap secret rc ep endpoints".split()
)
"""Kubernetes kinds that are no target: the reason says so rather than guessing at a namespace."""

OPTIONS = {
    "-n": "namespace", "--namespace": "namespace", "-c": "container", "--container": "container",
    "--for": "duration", "--packets": "packets", "--max-bytes": "size", "--snaplen": "snaplen",
    "-i": "interface", "--interface": "interface", "-l": "selector", "--selector": "selector",
}  # fmt: skip
OPTION_SYNONYMS = {
    "--duration": "--for", "--time": "--for", "--timeout": "--for", "-t": "--for", "--seconds": "--for",
    "--count": "--packets", "-p": "--packets", "--size": "--max-bytes", "--bytes": "--max-bytes",
    "-s": "--snaplen", "--snap": "--snaplen", "--ns": "--namespace", "--iface": "--interface",
    "--label": "--selector", "--labels": "--selector", "-f": "--", "--filter": "--",
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

RESERVED = FILTER_STARTS | {"for", "in", "help"}
