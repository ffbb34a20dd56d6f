"""Merging keeps every whole packet of every source, in order of time, by one clock or with the word unsynchronised."""

import hashlib
import random
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.two_ends import START, Seen, TwoEnds, pcap
from tests.unit.analysis.captures import Pcap, udp
from tests.unit.export.test_pcapng_blocks import read
from tests.unit.findings.cases import CHECKOUT, PAYMENTS, facts, talk, target
from workers.analysis.clock import ClockOffset
from workers.contract.report import Named
from workers.export import pcapng
from workers.export.merge import HELD, Merge, merged
from workers.export.timebase import Source, offsets
from workers.merging import called
from workers.packets.capture import CaptureReader


def source(folder: Path, name: str, data: bytes, node: str = "node-a") -> Source:
    path = folder / f"{name}.pcap"
    path.write_bytes(data)
    return Source(path, f"shop/{name}/app", node, "exec")


def merge(*sources: Source, chunk_size: int = 1 << 18) -> tuple[bytes, Merge]:
    done = Merge(sources, offsets(sources), chunk_size)
    return b"".join(done.chunks()), done


captures = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=60)), max_size=25),
        st.booleans(),
        st.sampled_from("<>"),
        st.sampled_from([1, 113, 276]),
    ),
    min_size=1,
    max_size=4,
)


@given(captures, st.sampled_from([48, 200, 1 << 18]))
def test_all_packets_come_out_in_order_of_time(
    tmp_path_factory: pytest.TempPathFactory, taken: list[tuple[list[Seen], bool, str, int]], chunk_size: int
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    sources, want = [], []
    for number, (packets, nano, order, link_type) in enumerate(taken):
        seen = [(START + step * (1 if nano else 1_000), data) for step, data in sorted(packets, key=lambda p: p[0])]
        file = pcap(seen, nano=nano, order=order, link_type=link_type)
        sources.append(source(folder, f"pod-{number}", file))
        want += [(data, len(data), time, link_type) for time, data in seen]
    file, done = merge(*sources, chunk_size=chunk_size)
    found, reader = read(file)
    assert reader.error is None
    assert found == sorted(want, key=lambda packet: packet[2])  # stable: equal times in source and file order
    assert done.packets == len(want)
    assert done.notes == ["All captures are of node-a: one clock, offset 0."]


def test_times_that_are_all_the_same_keep_source_and_file_order(tmp_path: Path) -> None:
    names = [[(START, bytes([number, n])) for n in range(200)] for number in range(3)]
    file, _ = merge(*(source(tmp_path, str(n), pcap(seen)) for n, seen in enumerate(names)), chunk_size=100)
    assert [data for data, *_ in read(file)[0]] == [data for seen in names for _, data in seen]


def test_packets_a_little_late_in_a_file_are_put_in_order(tmp_path: Path) -> None:
    chance = random.Random(3)
    seen = [(START + 1_000 * n, n.to_bytes(4, "big") * 30) for n in range(4_000)]
    disordered = sorted(seen, key=lambda packet: packet[0] + chance.randrange(20_000))
    assert disordered != seen
    file, done = merge(source(tmp_path, "a", pcap(disordered)), source(tmp_path, "b", pcap(seen)), chunk_size=8_000)
    times = [time for _, _, time, _ in read(file)[0]]
    assert times == sorted(times)
    assert len(times) == 8_000
    assert not any("too late" in note for note in done.notes)


@pytest.mark.parametrize("jump", [-3_600, 3_600])
def test_clock_that_was_set_loses_no_packet_and_is_said(tmp_path: Path, jump: int) -> None:
    steps = [n * 1_000_000 + (jump * 10**9 if n > 700 else 0) for n in range(1_400)]
    moved = source(tmp_path, "a", pcap([(START + step, bytes(60)) for step in steps]))
    even = source(tmp_path, "b", pcap([(START + n * 1_000_000, bytes(60)) for n in range(1_400)]))
    file, done = merge(moved, even, chunk_size=4_000)
    times = [time for _, _, time, _ in read(file)[0]]
    assert sorted(times) == sorted([START + step for step in steps] + [START + n * 1_000_000 for n in range(1_400)])
    assert any("too late in their captures" in note for note in done.notes) == (jump < 0) == (times != sorted(times))


def test_time_that_only_runs_backwards_needs_no_more_memory(tmp_path: Path) -> None:
    count = 3 * HELD // 1_400
    backwards = source(tmp_path, "a", pcap([(START - n * 1_000, bytes(1_400)) for n in range(count)]))
    late = source(tmp_path, "b", pcap([(START - 10**12, bytes(60))]))
    tracemalloc.start()
    try:
        taken = Merge([backwards, late], offsets([backwards, late]))
        size = sum(len(chunk) for chunk in taken.chunks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken.packets == count + 1
    assert size > count * 1_400
    assert peak < 2.5 * HELD


def test_memory_does_not_follow_the_size(tmp_path: Path) -> None:
    seen = [(START + n * 1_000, bytes(1_400)) for n in range(12_000)]
    sources = [source(tmp_path, name, pcap(seen), node) for name, node in (("a", "node-a"), ("b", "node-b"))]
    tracemalloc.start()
    try:
        taken = Merge(sources, offsets(sources))
        size = sum(len(chunk) for chunk in taken.chunks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 33_000_000
    assert peak < 6_000_000


@pytest.mark.parametrize("left", [0, 3, 24, 30, 40, 70, 117])
def test_cut_off_record_is_left_out_and_said(tmp_path: Path, left: int) -> None:
    whole = pcap([(START, bytes(61)), (START + 1_000, bytes(61))])
    file, done = merge(source(tmp_path, "a", whole), source(tmp_path, "b", whole[:left]))
    assert len(read(file)[0]) == 2 + (left >= 24 + 77)
    said = [note for note in done.notes if note.startswith("shop/b/app: ")]
    assert len(said) == (left != 24)
    assert all(note.endswith("what is whole is here") for note in said)


def test_garbage_is_said_and_spoils_nothing(tmp_path: Path) -> None:
    good = source(tmp_path, "a", pcap([(START, b"x" * 60)]))
    file, done = merge(good, source(tmp_path, "b", b"this is no capture"))
    assert len(read(file)[0]) == 1
    assert "shop/b/app: this is not a capture" in done.notes[-1]


def test_further_link_types_of_a_source_get_interfaces_of_their_own(tmp_path: Path) -> None:
    blocks = [pcapng.section(), *(pcapng.interface(pcapng.Interface("x", link)) for link in (1, 113))]
    blocks += [pcapng.packet(n % 2, START + n, bytes(20 + n), 99) for n in range(6)]
    both, plain = source(tmp_path, "a", b"".join(blocks)), source(tmp_path, "b", pcap([(START, bytes(9))]))
    found, _ = read(merge(both, plain)[0])
    links = sorted((len(data), wire, link) for data, wire, _, link in found)
    assert links == [(9, 9, 1), *((20 + n, 99, (1, 113)[n % 2]) for n in range(6))]


def test_planted_clock_is_corrected_within_what_is_said(tmp_path: Path) -> None:
    ends = TwoEnds(offset=-1_204_000_000, nano=True, count=200)
    sources = ends.sources(tmp_path)
    out = tmp_path / "merged.pcapng"
    done = merged(sources, out)
    data = out.read_bytes()
    assert (done.size, done.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert done.clocks["node-client"].seconds == 0.0
    assert done.clocks["node-server"].seconds == pytest.approx(-1.204, abs=0.001)
    far = {data: time for time, data in ends.seen()[1]}
    errors = [abs(time - (far[data] - ends.offset)) for data, _, time, _ in read(data)[0] if data in far]
    assert len(errors) == 400
    assert max(errors) < 500_000
    said = [note for note in done.notes if note.startswith("node-server's clock is 1.20")]
    assert len(said) == 1
    assert "behind node-client's (±" in said[0]
    assert said[0].encode() in data  # the section's comment


def test_unsynchronised_times_stay_as_they_are(tmp_path: Path) -> None:
    near, far = TwoEnds(offset=5_000_000_000).sources(tmp_path)
    lone = source(tmp_path, "lone", pcap([(START, b"y" * 60)]), "node-x")
    data, done = merge(near, lone, far)
    assert done.notes[1] == "unsynchronised: no packet was seen on both node-client and node-x."
    assert "node-server's clock is 5.0" in done.notes[2]
    assert [time for packet, _, time, _ in read(data)[0] if packet == b"y" * 60] == [START]
    assert b"method exec; times as captured: unsynchronised" in data


def test_node_that_meets_only_one_in_between_is_reached_through_it(tmp_path: Path) -> None:
    near, middle = TwoEnds(seed=1, offset=2_000_000_000).sources(tmp_path)
    (tmp_path / "far").mkdir()
    second = TwoEnds(seed=2, offset=-5_000_000_000, up=70_000)
    shifted = [(time + 2_000_000_000, data) for time, data in second.seen()[0]]
    left = replace(source(tmp_path, "left", pcap(shifted)), node=middle.node)
    right = replace(second.sources(tmp_path / "far")[1], node="node-far")
    (right.path).write_bytes(pcap([(time + 2_000_000_000, data) for time, data in second.seen()[1]]))
    clocks = offsets([near, right, left, middle])
    assert clocks["node-far"].seconds == pytest.approx(-3.0, abs=0.001)
    assert clocks["node-far"].words.endswith("through node-server")
    assert clocks["node-client"] == ClockOffset(0.0, words="node-client's clock is the one that times are by")


def test_unknown_nodes_are_no_common_clock(tmp_path: Path) -> None:
    one, two = (source(tmp_path, name, pcap([(START, bytes(60))]), "") for name in "ab")
    assert [offset.seconds for offset in offsets([one, two]).values()] == [0.0, None]


def test_nothing_is_left_when_a_source_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "merged.pcapng"
    with pytest.raises(FileNotFoundError):
        merged([Source(tmp_path / "gone.pcap", "shop/a/app")], out)
    assert not out.exists()


def test_no_sources_make_an_empty_section(tmp_path: Path) -> None:
    out = tmp_path / "merged.pcapng"
    assert merged([], out).packets == 0
    reader = CaptureReader()
    assert list(reader.feed(out.read_bytes())) == []
    reader.close()
    assert reader.error is None


def test_wireshark_shows_the_names_of_addresses(tmp_path: Path) -> None:
    frames = Pcap().add(0, udp("198.18.0.1", 40_000, "192.0.2.7", 9, b"x"))
    one = source(tmp_path, "a", frames.bytes())
    merged([one], tmp_path / "out.pcapng", {"198.18.0.1": "checkout-7d9f", "192.0.2.7": "api.example.com"})
    argv = [
        "tshark",
        "-N",
        "n",
        "-r",
        str(tmp_path / "out.pcapng"),
        "-T",
        "fields",
        "-e",
        "ip.src_host",
        "-e",
        "ip.dst_host",
    ]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.split() == ["checkout-7d9f", "api.example.com"]


def test_only_plain_names_of_addresses_that_talked_are_kept() -> None:
    names = {
        CHECKOUT: Named("pod", "checkout-7d9f", "shop"),
        PAYMENTS: Named("service", "payments", "shop"),
        "192.0.2.7": Named("sni", "x\x1b[31m"),
        "192.0.2.8": Named("dns", "nobody.example.com"),
        "127.0.0.1": Named("local", "localhost"),
    }
    flows = [talk(PAYMENTS), talk("192.0.2.7"), talk("127.0.0.1"), talk("198.19.9.9")]
    assert called([target(facts(flows)), target(None)], names) == {
        CHECKOUT: "checkout-7d9f",
        PAYMENTS: "payments.shop.svc",
    }
