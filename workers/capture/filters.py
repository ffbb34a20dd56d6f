"""Whether a capture filter is one: refused words by us, grammar by libpcap itself, before any pod is touched.

libpcap would look host names up from where we run, so words that could only be names are refused first. The
compiler runs in a subprocess with a time and memory limit, since expressions can be made to blow up.
"""

import contextlib
import ipaddress
import re
import resource
import subprocess
import sys
from collections.abc import Sequence

from workers.contract.errors import BadFilter, ThreadcapError

PROGRAM = "tcpdump"
COMPILE_SECONDS = 5
COMPILE_MEMORY = 512 << 20
MAX_LENGTH = 2_000

_WORDS = frozenset(
    (
        "host net port portrange src dst and or not ether fddi tr wlan ip ip6 arp rarp decnet tcp udp sctp "
        "icmp icmp6 igmp igrp pim vrrp carp ah esp gateway broadcast multicast mask less greater len vlan "
        "mpls pppoed pppoes geneve proto protochain inbound outbound ifname ifindex action reason on rnr "
        "rulenum type subtype addr1 addr2 addr3 addr4 ra ta aarp atalk iso stp ipx netbeui lat moprc mopdl "
        "sca clnp esis isis link ppp slip icmptype icmpcode icmp6type icmp6code tcpflags"
    ).split()
)
_CONSTANTS = frozenset(
    (
        "tcp-fin tcp-syn tcp-rst tcp-push tcp-ack tcp-urg tcp-ece tcp-cwr icmp-echoreply icmp-unreach "
        "icmp-sourcequench icmp-redirect icmp-echo icmp-routeradvert icmp-routersolicit icmp-timxceed icmp-paramprob "
        "icmp-tstamp icmp-tstampreply icmp-ireq icmp-ireqreply icmp-maskreq icmp-maskreply "
        "icmp6-destinationunreach icmp6-packettoobig icmp6-timeexceeded icmp6-parameterproblem icmp6-echo "
        "icmp6-echoreply icmp6-multicastlistenerquery icmp6-multicastlistenerreportv1 icmp6-multicastlistenerdone "
        "icmp6-routersolicit icmp6-routeradvert icmp6-neighborsolicit icmp6-neighboradvert icmp6-redirect "
        "icmp6-routerrenum icmp6-nodeinformationquery icmp6-nodeinformationresponse icmp6-ineighbordiscoverysolicit "
        "icmp6-ineighbordiscoveryadvert icmp6-multicastlistenerreportv2 icmp6-homeagentdiscoveryrequest "
        "icmp6-homeagentdiscoveryreply icmp6-mobileprefixsolicit icmp6-mobileprefixadvert icmp6-certpathsolicit "
        "icmp6-certpathadvert icmp6-multicastrouteradvert icmp6-multicastroutersolicit icmp6-multicastroutertermination"
    ).split()
)
"""Named offsets and values, pcap-filter(7)."""
_NUMBER = re.compile(r"^(0x[0-9a-f]+|\d+(\.\d+){0,3})$")
_MAC = re.compile(r"^[0-9A-Fa-f]{1,2}([:.-][0-9A-Fa-f]{1,2}){5}$")
_LOCAL_NAMES_AFTER = frozenset({"port", "portrange", "proto", "protochain", "type", "subtype", "ifname"})
"""Words whose operand is read from a local table, never resolved."""


def check(expression: str, interface: str) -> None:
    """Raise BadFilter unless libpcap compiles `expression` for the link type `interface` will deliver."""
    if not expression:
        return
    if len(expression) > MAX_LENGTH:
        raise BadFilter(f"The filter has {len(expression)} characters; at most {MAX_LENGTH} are read.")
    if name := host_name(expression):
        raise BadFilter(
            f"`{name[:60]}` in the filter looks like a host name, and names are not looked up here. "
            "Use an address, such as `host 192.0.2.7`, or only a port."
        )
    _compile(expression, interface)


def host_name(expression: str) -> str | None:
    """Return the first word libpcap would look up as a host, network or gateway name."""
    before = ""
    for word in expression.replace("(", " ( ").replace(")", " ) ").replace("!", " ").split():
        parts = _pieces(word)
        for part in parts:
            if _looked_up(part, before):
                return part
            before = part.lower()
        before = before if parts else ""
    return None


def _pieces(word: str) -> list[str]:
    if _MAC.match(word) or _is_network(word):
        return []
    return [piece for piece in re.split(r"[\[\]()&|<>=+*/!:,]+", word) if piece]


def _is_network(word: str) -> bool:
    try:
        ipaddress.ip_network(word, strict=False)
    except ValueError:
        return False
    return True


def _looked_up(word: str, before: str) -> bool:
    if before in _LOCAL_NAMES_AFTER:
        return False
    # a keyword behind a backslash is a name to libpcap
    lowered = word.lower() if word.startswith("\\") else word.lower().strip("-")
    return bool(lowered) and lowered not in _WORDS | _CONSTANTS and not _NUMBER.match(lowered)


def _compile(expression: str, interface: str) -> None:
    link = "LINUX_SLL2" if interface == "any" else "EN10MB"
    with _started([PROGRAM, "-d", "-y", link, "--", expression], stdin=subprocess.DEVNULL) as compiler:
        _limit(compiler.pid, resource.RLIMIT_CPU, COMPILE_SECONDS)
        try:
            stderr = compiler.communicate(timeout=COMPILE_SECONDS)[1]
        except subprocess.TimeoutExpired as error:
            compiler.kill()
            raise BadFilter("The filter takes too long to compile. Use a simpler one, such as `port 443`.") from error
    if compiler.returncode < 0:  # a limit ended it
        raise BadFilter("The filter is too large to compile. Use a simpler one, such as `port 443`.")
    if compiler.returncode != 0:
        raise BadFilter(_explain(expression, stderr.decode(errors="replace"), interface))


def matcher(expression: str) -> "subprocess.Popen[bytes]":
    """Start a tcpdump that reads a pcap on its stdin and ends, with code 0, at the first packet that matches."""
    return _started([PROGRAM, "-n", "-r", "-", "-c", "1", "-w", "/dev/null", "--", expression], stdin=subprocess.PIPE)


def _started(argv: Sequence[str], stdin: int) -> "subprocess.Popen[bytes]":
    """Start a tcpdump of ours: nothing in its environment, no more memory than a filter is worth."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    stderr = subprocess.PIPE if stdin == subprocess.DEVNULL else subprocess.DEVNULL
    try:
        child = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr, env=environment)
    except FileNotFoundError as error:
        raise ThreadcapError("The filter can't be checked: this worker has no tcpdump.", detail=str(error)) from error
    _limit(child.pid, resource.RLIMIT_AS, COMPILE_MEMORY)
    return child


def _limit(pid: int, what: int, most: int) -> None:
    """Set from outside: code run between fork and exec is not safe in a process with threads."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # it was quick
            resource.prlimit(pid, what, (most, most))


def _explain(expression: str, stderr: str, interface: str) -> str:
    lines = [line.removeprefix("tcpdump: ") for line in stderr.splitlines() if not line.startswith("Warning")]
    reason = (lines[-1] if lines else "it does not compile").replace("can't parse filter expression: ", "")
    shown = expression if len(expression) <= 120 else expression[:117] + "..."
    hint = " Try `-i eth0`: on `any` there is no Ethernet header." if _ethernet_only(reason, interface) else ""
    example = " An example: `tcp port 443 and host 192.0.2.7`."
    return f"`{shown}` is not a filter tcpdump understands: {reason[:160]}.{hint}{example}"


def _ethernet_only(reason: str, interface: str) -> bool:
    return interface == "any" and ("VLAN" in reason or "ethernet addresses" in reason or "Linux cooked" in reason)
