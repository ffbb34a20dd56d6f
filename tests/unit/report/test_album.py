"""Which pictures a thread gets, which conversation they show, and that any capture's are true and can be read."""

import functools
import itertools
import math
from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace

from tests.unit.analysis.captures import ACK
from tests.unit.findings import test_golden as golden_tests
from tests.unit.findings.cases import SPEC
from tests.unit.findings.golden.traffic import GOLDEN, LEDGER, PAYMENTS, Scene, ip
from tests.unit.report.looks import overlaps, words
from workers.analysis.closeup import CloserLook
from workers.contract.closeup import CloseUp, Look
from workers.contract.facts import TlsFacts, TlsHandshake
from workers.contract.pictures import ALWAYS, EVERY, HEAT, LADDER, SEQUENCE, Album
from workers.contract.report import Finding, Named, Report
from workers.findings.words import plural
from workers.report import build
from workers.report.album import See, album
from workers.report.charts import drawings
from workers.report.drawing import MOST_HEIGHT, WIDTH
from workers.report.rungs import MOST, WORDS, rungs

TELLING = {
    "syn-unanswered-firewall_drops_syns": LADDER,
    "connection-refused-nothing_listens": LADDER,
    "dns-unanswered-dns_is_silent": LADDER,
    "http-slow-server_is_slow": LADDER,
    "tls-alert-no_common_cipher": LADDER,
    "reset-middlebox-firewall_resets_in_the_servers_name": LADDER,
    "retransmissions-server_sends_again": SEQUENCE,
    "retransmission-burst-the_way_is_gone_for_a_moment": SEQUENCE,
    "zero-window-client_stops_reading": SEQUENCE,
    "window-limited-upload_over_a_long_way_without_scaling": SEQUENCE,
    "healthy-all_is_well": "",
    "clock-skew-clock_of_a_node_is_wrong": "",
}
"""The picture that a thread gets beside traffic and latency."""


def looker(files: Sequence[bytes], seen: list[Mapping[int, Look]] | None = None) -> See:
    """Looks at captures in memory; `seen` gets what it was asked to look at."""

    def see(looks: Mapping[int, Look]) -> dict[int, CloseUp]:
        if seen is not None:
            seen.append(looks)
        found = {}
        for target, look in looks.items():
            eye = CloserLook(look)
            eye.feed(files[target])
            found[target] = eye.finish()
        return found

    return see


def reported(*made: Scene) -> tuple[Report, list[bytes]]:
    """The report of scenes, and their bytes."""
    names = golden_tests.NAMES
    return build("abcdefgh", SPEC, [one.target() for one in made], names, 0.0), [one.bytes() for one in made]


@functools.cache
def golden_album(name: str, *, every: bool) -> Album:
    """The album of a capture that findings are proved on."""
    made = next(golden for golden in GOLDEN if str(golden) == name).make()
    report, files = reported(*golden_tests.scenes(made))
    return album(report, looker(files), every=every)


@pytest.mark.parametrize("name", TELLING)
def test_a_thread_gets_traffic_latency_and_what_the_finding_is_about(name: str) -> None:
    made, telling = golden_album(name, every=False), TELLING[name]
    assert set(made.posted) == {*ALWAYS, telling} - {""}
    assert set(made.names) == set(made.posted)
    assert made.heat is None
    flow = made.sequence if telling == SEQUENCE else made.ladder
    assert (flow is not None) == bool(telling)
    if flow is not None:
        assert flow.about.startswith(made.report.findings[0].sentence[:40])
        assert set(flow.frames) & {one.frame for one in flow.trace.segments}


@pytest.mark.parametrize("name", TELLING)
def test_a_folder_gets_all_of_them_readable(name: str) -> None:
    made = golden_album(name, every=True)
    assert made.names == EVERY
    drawn = drawings(made)
    assert {HEAT, SEQUENCE, LADDER} <= {file for file, _, _ in drawn}
    for file, alt, figure in drawn:
        assert overlaps(figure) == [], file
        width, height = figure.get_size_inches()
        assert (width, height <= MOST_HEIGHT) == (WIDTH, True)
        assert 40 < len(alt) < 900
        assert alt.endswith(".")


def test_no_look_is_taken_where_nothing_is_to_be_seen() -> None:
    report, files = reported(Scene().normal())
    seen: list[Mapping[int, Look]] = []
    assert album(report, looker(files, seen)).posted == ALWAYS
    assert seen == []


def test_one_look_is_enough_when_the_conversation_is_known() -> None:
    scene = Scene().normal()
    for n in range(6):
        scene.tcp(LEDGER, 5432, n * 0.5).syn(repeats=2)
    report, files = reported(scene)
    seen: list[Mapping[int, Look]] = []
    album(report, looker(files, seen), every=True)
    assert len(seen) == 1


def test_a_frame_leads_to_its_conversation_in_a_second_look() -> None:
    report, files = reported(*golden_tests.scenes(next(g for g in GOLDEN if "dns_is_silent" in str(g)).make()))
    seen: list[Mapping[int, Look]] = []
    made = album(report, looker(files, seen))
    assert len(seen) == 2
    assert made.ladder is not None
    assert made.ladder.trace.segments[0].frame == report.findings[0].frames[0].frame
    assert made.ladder.trace.protocol == "udp"


def test_a_handshake_leads_to_its_conversation() -> None:
    report, files = reported(*golden_tests.scenes(next(g for g in GOLDEN if "no_common_cipher" in str(g)).make()))
    pointed = replace(report.findings[0], facts=("/targets/0/facts/tls/handshakes/0",), frames=())
    made = album(replace(report, findings=(pointed,)), looker(files))
    assert made.ladder is not None
    assert any(one.says == "TLS alert handshake_failure" for one in made.ladder.trace.segments)


def test_handshakes_whose_conversations_are_not_told_lead_there_by_their_frame() -> None:
    report, files = reported(*golden_tests.scenes(next(g for g in GOLDEN if "no_common_cipher" in str(g)).make()))
    facts = report.targets[0].facts
    assert facts is not None
    bare = replace(report.targets[0], facts=replace(facts, conversations=()))
    links = tuple(f"/targets/0/facts/tls/handshakes/{n}" for n in (1, 0))
    pointed = replace(report.findings[0], facts=links, frames=())
    made = album(replace(report, findings=(pointed,), targets=(bare,)), looker(files))
    assert made.ladder is not None
    hello = facts.tls.handshakes[1].client_hello_frame
    assert next(one for one in made.ladder.trace.segments if one.frame == hello).says == "TLS ClientHello vault.shop"


@pytest.mark.parametrize(
    "pointer",
    [
        "/targets/7/facts/conversations/0",
        "/targets/0/facts/conversations/9999",
        "/targets/0/facts/tls/handshakes/9999",
        "/targets/0/facts/tls/handshakes/0",
        "/targets/1/facts/conversations/0",
        "/notes",
    ],
)
def test_a_link_that_leads_nowhere_is_no_picture(pointer: str) -> None:
    scene = Scene().normal()
    for n in range(6):
        scene.tcp(LEDGER, 5432, n * 0.5).syn(repeats=2)
    report, files = reported(scene)
    lost = replace(report.targets[0], facts=None)
    facts = report.targets[0].facts
    assert facts is not None
    tls = replace(report.targets[0], facts=replace(facts, tls=TlsFacts((TlsHandshake(77),))))
    nowhere = replace(report.findings[0], facts=(pointer,), frames=())
    made = album(replace(report, findings=(nowhere,), targets=(tls, lost)), looker([*files, b""]))
    assert made.posted == ALWAYS


def test_a_look_that_fails_costs_its_pictures_alone() -> None:
    report, _ = reported(*golden_tests.scenes(next(g for g in GOLDEN if "firewall_drops_syns" in str(g)).make()))
    made = album(report, lambda looks: {}, every=True)
    assert (made.posted, made.heat, made.ladder, made.sequence) == (ALWAYS, None, None, None)


def test_the_data_shown_is_of_another_conversation_where_the_finding_has_none() -> None:
    made = golden_album("syn-unanswered-firewall_drops_syns", every=True)
    assert made.sequence is not None
    assert made.ladder is not None
    assert made.sequence.server == "payments:8080"
    assert made.ladder.server == "ledger:5432"
    assert made.sequence.about == ""


# -- the heat map ------------------------------------------------------------------------------------------------


def many(pairs: int = 30) -> Album:
    scene = Scene(pod="checkout-of-a-team-with-a-long-name-7d9f8c6b5-x2z4q")
    for n in range(pairs):
        link = scene.tcp(f"198.18.9.{n + 1}", 8_000, 0.1 * n).open().get("/a", body=bytes(100 * n))
        if n == 3:
            link.repeat("s", b"x" * 50, 2)
        link.close()
    report, files = reported(scene)
    names = {f"198.18.9.{n}": Named("pod", f"payments-of-another-team-{n}-6c4d7f-{n:05d}", "far") for n in range(99)}
    return album(replace(report, names=names), looker(files), every=True)


def test_heat_map_shows_trouble_first_then_the_largest_and_counts_the_rest() -> None:
    made = many()
    assert made.heat is not None
    assert (len(made.heat.bands), made.heat.more) == (10, 20)
    sizes = [sum(band.bytes) for band in made.heat.bands]
    assert sum(made.heat.bands[0].problems) == 2
    assert sizes[1:] == sorted(sizes[1:], reverse=True)
    assert all(len(band.label) <= 47 and " → " in band.label for band in made.heat.bands)
    assert all(band.label.endswith(":8000") for band in made.heat.bands)


def test_heat_map_says_what_its_colours_are() -> None:
    (alt, figure) = next((alt, figure) for file, alt, figure in drawings(many()) if file == HEAT)
    texts = words(figure)
    assert any(text.startswith("bytes in ") and "logarithmic" in text for text in texts)
    assert any("UTC" in text for text in texts)
    assert "10 of 30 pairs of client and server: problems in 1" in texts
    assert "problems in 1" in alt
    assert overlaps(figure) == []


def test_one_conversation_of_two_captured_pods_counts_once() -> None:
    client, server = Scene("checkout-a", "198.19.1.4"), Scene("payments-b", "198.19.3.4", "n2")
    for scene in (client, server):
        scene.tcp("198.19.3.4", 8080, 0.0, client="198.19.1.4", client_port=40_000).open().get("/x").close()
    report, files = reported(client, server)
    made = album(report, looker(files), every=True)
    assert made.heat is not None
    assert [band.label for band in made.heat.bands] == ["checkout-a → payments-b:8080"]
    facts = report.targets[0].facts
    assert facts is not None
    flow = facts.conversations[0]
    assert sum(made.heat.bands[0].bytes) == flow.client_bytes + flow.server_bytes


def test_conversations_without_ports_are_named_by_their_protocol() -> None:
    scene = Scene()
    for n in range(3):
        scene.add(n * 1.0, ip(1, scene.ip, "192.0.2.9", b"\x08\0\0\0\0\1\0\1" + bytes(40), 64, n))
    report, files = reported(scene)
    made = album(report, looker(files), every=True)
    assert made.heat is not None
    assert made.ladder is not None
    assert [band.label for band in made.heat.bands] == ["checkout-7d9f → 192.0.2.9 icmp"]
    assert made.ladder.server == "192.0.2.9"
    assert [line.text for line in rungs(made.ladder.trace, ())][:1] == ["48 bytes"]


def test_times_that_are_none_have_no_heat_map() -> None:
    report, files = reported(Scene().normal())
    facts = report.targets[0].facts
    assert facts is not None
    for odd in (math.inf, math.nan, -1.0):
        target = replace(report.targets[0], facts=replace(facts, first_at=odd))
        assert album(replace(report, targets=(target,)), looker(files), every=True).heat is None


# -- the conversation --------------------------------------------------------------------------------------------


def flow_of(scene: Scene) -> tuple[Album, Report]:
    report, files = reported(scene)
    return album(report, looker(files), every=True), report


def bulk() -> Scene:
    scene = Scene()
    link = scene.tcp(LEDGER, 9000, 0.0).open().ask("/dump")
    for n in range(400):
        link.send("s", bytes(14_600)).wait(0.002)
        if n % 40 == 20:
            link.repeat("s", bytes(1_460))
        if n == 300:
            link.wait(3.0)
    link.rst("s")
    return scene


def test_sequence_picture_says_what_was_sent_again_and_where_it_stood_still() -> None:
    made, _ = flow_of(bulk())
    alt, figure = next((alt, figure) for file, alt, figure in drawings(made) if file == SEQUENCE)
    assert "from ledger:9000 to checkout-7d9f: 5.8 MB" in alt
    assert "10 segments sent again, RST by the server, longest silence 3 s" in alt
    texts = words(figure)
    assert {"sent", "acknowledged", "sent again: 10", "RST by the server", "silent for 3 s"} <= set(texts)
    assert "bytes sent so far" in texts
    assert any("packets drawn, trouble first" in text for text in texts)
    axes = figure.axes[0]
    assert axes.get_ylim()[0] <= 0
    assert axes.get_yscale() == axes.get_xscale() == "linear"
    assert overlaps(figure) == []


def test_ladder_tells_the_trouble_and_counts_what_it_leaves_out() -> None:
    made, _ = flow_of(bulk())
    assert made.ladder is not None
    lines = rungs(made.ladder.trace, ())
    arrows = [line for line in lines if line.by]
    assert len(arrows) == MOST
    assert [line.text for line in arrows[:3]] == ["SYN", "SYN, ACK", "ACK"]
    assert (arrows[-1].text, arrows[-1].by, arrows[-1].trouble) == ("RST", "server", True)
    assert sum(line.text.startswith("sent again") for line in arrows) == 10
    left_out = sum(int(line.text.split()[1].replace(",", "")) for line in lines if line.text.startswith("… "))
    assert left_out + len(arrows) == made.ladder.trace.packets
    assert [line.after for line in arrows] == sorted(line.after for line in arrows)
    assert all(len(line.text) <= WORDS for line in arrows)


def test_ladder_says_that_nothing_came_and_how_long() -> None:
    scene = Scene()
    scene.tcp(LEDGER, 5432, 0.0).syn(repeats=2)
    scene.normal()
    report, files = reported(scene)
    made = album(report, looker(files))
    assert made.ladder is not None
    lines = [line.text for line in rungs(made.ladder.trace, made.ladder.frames)]
    assert lines == [
        "SYN", "nothing for 1 s", "sent again: SYN", "nothing for 2 s", "sent again: SYN", "no answer in this capture",
    ]  # fmt: skip


def test_ladder_of_a_long_talk_keeps_what_was_said_before_the_trouble() -> None:
    scene = Scene()
    link = scene.tcp(LEDGER, 9000, 0.0).open()
    for n in range(100):
        link.get(f"/page/{n}")
    link.ask("/fails").wait(0.5).rst("s")
    made, _ = flow_of(scene)
    assert made.ladder is not None
    lines = [line.text for line in rungs(made.ladder.trace, ())]
    assert lines[-1] == "RST"
    assert "GET /fails" in lines


def test_ladder_of_nothing_but_trouble_says_how_much_more_there_is() -> None:
    scene = Scene()
    link = scene.tcp(LEDGER, 9000, 0.0).open()
    for _ in range(40):
        link.wait(0.01).rst("s", seq=1)
    link.packet("c", ACK)
    made, _ = flow_of(scene)
    assert made.ladder is None, "nothing was carried"
    scene.tcp(LEDGER, 9000, 0.0).open()
    link.send("c", b"hello")
    made, _ = flow_of(scene)
    assert made.ladder is not None
    lines = [line.text for line in rungs(made.ladder.trace, ())]
    assert lines.count("RST") > 8
    assert lines[-2].endswith("with trouble")
    assert lines[-1] == "ACK", "the last packet is always there"


def test_sequence_picture_of_a_stall_without_loss_says_how_long_it_was() -> None:
    scene = Scene()
    scene.tcp(LEDGER, 9000, 0.0).open().ask("/slow").wait(3.0).send("s", bytes(20_000)).close()
    made, _ = flow_of(scene)
    alt = next(alt for file, alt, _ in drawings(made) if file == SEQUENCE)
    assert "silent for 3 s" in alt


def test_words_of_arrows() -> None:
    scene = Scene()
    link = scene.tcp(LEDGER, 9000, 0.0).open().get("/a")
    link.wait(0.1).packet("c", 16, window=0).wait(0.1).packet("c", 16)
    link.packet("s", 24, b"later", seq=200).packet("c", 16).packet("c", 16)
    link.wait(9.0).packet("s", 16, b"z", seq=204)
    made, _ = flow_of(scene)
    assert made.ladder is not None
    said = [line.text for line in rungs(made.ladder.trace, ()) if line.by]
    assert "ACK: window 0, stop sending" in said
    assert "5 bytes, not all captured before it" in said
    assert any(text.startswith("ACK of ") and text.endswith(" again") for text in said)
    assert "keep-alive" in said


def test_words_of_a_packet_that_came_late() -> None:
    scene = Scene()
    link = scene.tcp(LEDGER, 9000, 0.0).open()
    link.packet("s", ACK, b"b" * 10, seq=11).wait(0.0001).packet("s", ACK, b"a" * 5, seq=1)
    made, _ = flow_of(scene)
    assert made.ladder is not None
    assert "late: 5 bytes" in [line.text for line in rungs(made.ladder.trace, ())]


def test_names_that_are_very_long_stay_apart() -> None:
    for file, _, figure in drawings(many()):
        assert overlaps(figure) == [], file


def test_every_picture_of_one_packet() -> None:
    scene = Scene()
    scene.tcp(PAYMENTS, 8080, 0.0).syn()
    made, _ = flow_of(scene)
    for file, _, figure in drawings(made):
        assert overlaps(figure) == [], file


def test_a_finding_of_several_conversations_shows_the_one_with_most_trouble() -> None:
    scene = Scene().normal()
    for n, port in itertools.product(range(4), (9000,)):
        scene.tcp(LEDGER, port, n * 0.5).open().ask("/x").repeat("c", b"z" * 60, n).rst("s")
    report, files = reported(scene)
    finding: Finding = report.findings[0]
    made = album(report, looker(files))
    assert made.ladder is not None
    assert made.ladder.about.startswith(finding.sentence[:30])
    assert made.ladder.trace.problems == 4, plural(made.ladder.trace.problems, "problem")
