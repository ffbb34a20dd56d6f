"""The JSON people script against: documented keys, plain ASCII, nothing JSON has no word for."""

import json
import sys

import pytest
from msgspec import structs

from tests.unit.findings.cases import NAMES, SPEC, facts, silent, target
from workers.contract.codec import decode
from workers.contract.report import Report
from workers.export import filename, report_json
from workers.report import build


def test_report_round_trips() -> None:
    report = build("abcdefgh", SPEC, [target(facts(silent(5)))], NAMES, 1_795_300_000.0)
    assert decode(Report, json.loads(b"".join(report_json(report)))) == report


def test_every_top_level_key_is_documented() -> None:
    report = build("abcdefgh", SPEC, [target(facts(silent(5)))], NAMES, 1_795_300_000.0)
    for key in json.loads(b"".join(report_json(report))):
        assert f"`{key}`" in (sys.modules[report_json.__module__].__doc__ or ""), key


def test_numbers_without_a_word_in_json_are_null() -> None:
    report = build("abcdefgh", SPEC, [target(structs.replace(facts(), first_at=float("nan")))], {}, 0.0)
    assert json.loads(b"".join(report_json(report)))["targets"][0]["facts"]["first_at"] is None


def test_names_stay_ascii_in_json() -> None:
    report = build("abcdefgh", SPEC, [target(facts(), pod="evil\u202e")], {}, 0.0)
    assert b"".join(report_json(report)).isascii()


@pytest.mark.parametrize("pod", ["evil\u202e", '\U0001f600 é\x7f"\\', "\udcff of no character", "\u20ac" * 50_000])
def test_every_name_is_read_back_as_it_was(pod: str) -> None:
    report = build("abcdefgh", SPEC, [target(structs.replace(facts(), wire_bytes=2**70), pod=pod)], {}, 0.0)
    text = b"".join(report_json(report))
    assert text.isascii()
    assert decode(Report, json.loads(text)) == report


def test_file_name_says_which_pod_and_when() -> None:
    assert filename("shop", "checkout-7d9f", 1_795_473_245.9) == "shop_checkout-7d9f_20261123T223405Z.pcap"
    assert filename("../..", "", float("nan"), ".json") == "unnamed_unnamed_00000000T000000Z.json"
