"""Whether a capture filter is one: refused words by us, grammar by libpcap itself, before any pod is touched.

libpcap would look host names up from where we run, so words that could only be names are refused first. The
compiler runs in a subprocess with a time and memory limit, since expressions can be made to blow up.
"""

import ipaddress
import re
import resource
import subprocess

from workers.contract.errors import BadFilter, ThreadcapError

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
_NAMED = re.compile(r"^(icmp6?-[a-z0-9-]+|tcp-[a-z]+)$")
_NUMBER = re.compile(r"^(0x[0-9a-f]+|\d+(\.\d+){0,3}|\d+-\d+)$")
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
    lowered = word.lower().strip("\\-")
    if not lowered or lowered in _WORDS or _NAMED.match(lowered) or _NUMBER.match(lowered):
        return False
    return before not in _LOCAL_NAMES_AFTER


def _compile(expression: str, interface: str) -> None:
    link = "LINUX_SLL2" if interface == "any" else "EN10MB"
    argv = ["tcpdump", "-d", "-y", link, "--", expression]
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            timeout=COMPILE_SECONDS,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            preexec_fn=_limit,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadFilter("The filter takes too long to compile. Use a simpler one, such as `port 443`.") from error
    except FileNotFoundError as error:
        raise ThreadcapError("The filter can't be checked: this worker has no tcpdump.", detail=str(error)) from error
    if done.returncode != 0:
        raise BadFilter(_explain(expression, done.stderr.decode(errors="replace"), interface))


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (COMPILE_MEMORY, COMPILE_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (COMPILE_SECONDS, COMPILE_SECONDS))


def _explain(expression: str, stderr: str, interface: str) -> str:
    lines = [line.removeprefix("tcpdump: ") for line in stderr.splitlines() if not line.startswith("Warning")]
    reason = (lines[-1] if lines else "it does not compile").replace("can't parse filter expression: ", "")
    shown = expression if len(expression) <= 120 else expression[:117] + "..."
    hint = " Try `-i eth0`: on `any` there is no Ethernet header." if _ethernet_only(reason, interface) else ""
    example = " An example: `tcp port 443 and host 192.0.2.7`."
    return f"`{shown}` is not a filter tcpdump understands: {reason[:160]}.{hint}{example}"


def _ethernet_only(reason: str, interface: str) -> bool:
    return interface == "any" and ("VLAN" in reason or "ethernet addresses" in reason or "Linux cooked" in reason)
