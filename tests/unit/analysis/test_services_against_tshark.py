"""Requests, responses and errors of services, NTP and DHCP equal what tshark's dissectors make of the same captures."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.unit.analysis import test_kafka as kafka
from tests.unit.analysis import test_mongodb as mongodb
from tests.unit.analysis.captures import PCAPS, analyse, needs_pcaps, shared
from tests.unit.analysis.talks import Segment, conversation, counts
from tests.unit.analysis.test_services import segments
from workers.contract.facts import Facts


def tshark(path: Path, *fields: str, only: str = "", decode: str = "") -> Counter[str]:
    """How often each value of the fields occurs."""
    argv = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
    argv += [*(["-Y", only] if only else []), *(["-d", decode] if decode else [])]
    argv += [word for field in fields for word in ("-e", field)]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout
    return Counter(
        value for line in told.splitlines() for cell in line.split("\t") for value in cell.split(",") if value
    )


def errors(facts: Facts, protocol: str) -> Counter[str]:
    """Errors by code."""
    found: Counter[str] = Counter()
    for group in facts.services.groups:
        if group.protocol == protocol:
            found.update(group.errors)
    return found


def kept(tmp_path: Path, port: int, sent: list[Segment]) -> tuple[Path, Facts]:
    """A conversation in a file, and its facts."""
    capture = conversation(*sent, port=port).bytes()
    path = tmp_path / "talk.pcap"
    path.write_bytes(capture)
    return path, analyse(capture)


def test_redis(tmp_path: Path) -> None:
    path, facts = kept(tmp_path, 6379, segments(6379))
    assert facts.services.requests == 3
    assert sum(tshark(path, "resp.error").values()) == sum(errors(facts, "redis").values()) == 1


def test_postgresql(tmp_path: Path) -> None:
    path, facts = kept(tmp_path, 5432, segments(5432))
    kinds = tshark(path, "pgsql.type")
    assert kinds["Simple query"] == counts(facts)["SELECT"][0]
    assert kinds["Sync"] == counts(facts)["INSERT"][0]
    assert kinds["Ready for query"] == facts.services.responses
    assert tshark(path, "pgsql.code") == errors(facts, "postgresql") == {"23505": 1}


def test_mysql(tmp_path: Path) -> None:
    path, facts = kept(tmp_path, 3306, segments(3306))
    assert tshark(path, "mysql.command") == {"3": facts.services.requests - 1}
    assert tshark(path, "mysql.error_code") == errors(facts, "mysql") == {"1205": 1}


def test_kafka(tmp_path: Path) -> None:
    heartbeat = b"\0\5group\0\0\0\1\0\6member"
    sent: list[Segment] = [
        (0.1, "c", kafka.request(kafka.HEARTBEAT, 0, 1, heartbeat)),
        (0.2, "s", kafka.response(1, kafka.short(0))),
        (0.3, "c", kafka.request(kafka.HEARTBEAT, 1, 2, heartbeat)),
        (0.4, "s", kafka.response(2, bytes(4) + kafka.short(27))),
        (0.5, "c", kafka.request(kafka.SASL_HANDSHAKE, 1, 3, b"\0\5PLAIN")),
        (0.6, "s", kafka.response(3, kafka.short(33) + bytes(4))),
    ]
    path, facts = kept(tmp_path, 9092, sent)
    assert tshark(path, "kafka.api_key", only="tcp.dstport == 9092") == {"12": 2, "17": 1}
    assert counts(facts) == {
        "Heartbeat": (2, 2, {"REBALANCE_IN_PROGRESS": 1}),
        "SaslHandshake": (1, 1, {"UNSUPPORTED_SASL_MECHANISM": 1}),
    }
    assert tshark(path, "kafka.error") == {"0": 1, "27": 1, "33": 1}


def test_mongodb(tmp_path: Path) -> None:
    path, facts = kept(tmp_path, 27017, [*segments(27017), (0.9, "c", mongodb.msg({"ping": 1}, 7))])
    as_mongo = "tcp.port==27017,mongo"
    assert tshark(path, "mongo.opcode", decode=as_mongo) == {"2013": facts.services.requests + facts.services.responses}
    names = tshark(path, "mongo.element.name", only="mongo.response_to == 0", decode=as_mongo)
    assert {name for name in counts(facts) if name in names} == set(counts(facts))


@needs_pcaps
@pytest.mark.parametrize("name", shared("zeek/*mysql__*", "zeek/*postgresql__*"))
def test_public_captures_have_the_same_errors(name: str) -> None:
    facts = analyse((PCAPS / name).read_bytes())
    # tshark finds MySQL and PostgreSQL by port
    if "15432" not in name and "bad-startup" not in name:
        theirs = tshark(PCAPS / name, "mysql.error_code", "pgsql.code", only='mysql or pgsql.type == "Error"')
        assert theirs == errors(facts, "mysql") + errors(facts, "postgresql")


@needs_pcaps
@pytest.mark.parametrize("name", shared("zeek/*mysql__*"))
def test_public_captures_have_the_same_commands(name: str) -> None:
    facts = analyse((PCAPS / name).read_bytes())
    # tshark also takes a login's later packets for commands
    ours = sum(n for one, (n, _, _) in counts(facts).items() if one not in ("login", ""))
    assert sum(tshark(PCAPS / name, "mysql.command", only="mysql.packet_number == 0").values()) == ours


@needs_pcaps
@pytest.mark.parametrize("name", shared("*/*ntp*.pcap", "*/*dhcp*.pcap*", "gopacket/*test009*", "gopacket/*test011*"))
def test_public_captures_have_the_same_ntp_and_dhcp_messages(name: str) -> None:
    facts = analyse((PCAPS / name).read_bytes())
    modes = {"1": "symmetric", "2": "symmetric", "3": "client", "4": "server", "5": "broadcast", "6": "control"}
    theirs: Counter[str] = Counter()
    for mode, seen in tshark(PCAPS / name, "ntp.flags.mode").items():
        theirs[modes.get(mode, "private")] += seen
    assert theirs == facts.ntp.packets
    kinds = dict(enumerate("DISCOVER OFFER REQUEST DECLINE ACK NAK RELEASE INFORM".split(), 1))
    found = tshark(PCAPS / name, "dhcp.option.dhcp")
    assert {kinds[int(kind)]: seen for kind, seen in found.items()} == facts.dhcp.messages
