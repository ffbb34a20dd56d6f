"""README's performance table is what the benchmark's generator makes, and says where it was measured."""

import pytest

from tests.bench.hostile import EVERYTHING, KINDS
from tests.bench.processes import ROOT
from tests.bench.readme import BEGIN, END, HEADER, replaced, table
from tests.bench.table import ROWS, lines

TOLD = {"at": 1_700_000_000.0, "cpus": 2, "machine": "some processor", "load": 0.25, "commit": "abc1234", "found": {}}
FOUND = {
    "analysis_mixed": {
        "tshark_ratio": 30.0, "tshark_tcp_ratio": 60.0, "capinfos_ratio": 0.5, "capinfos_tcp_ratio": 0.9,
        "capinfos_cpu_s": 1.0, "feed_s": 0.5, "tcp_feed_s": 0.25, "packets": 3e6, "ours_mb": 90.0,
    },
    "hostile": {"HTTP heads": 60.0, "TLS hellos": 70.0, "SYNs": 40.0, EVERYTHING: 120.0},
}  # fmt: skip


def test_each_row_says_what_was_asked_and_measured_and_where_it_falls_short() -> None:
    said = {what: rest for what, *rest in lines(FOUND)}
    assert said["times as fast as tshark -q -z conv,tcp, mixed"] == ["at least 25 x", "**30 x**", "60 x"]
    assert said["times as fast as capinfos -cdszu, mixed"] == ["at least 0.6 x", "0.5 x", "**0.9 x**"]
    assert said["in-process against capinfos, mixed"] == ["at least 1.5 x", "2 x", "**4 x**"]
    million = "million packets/s"
    assert said["in-process, mixed"] == [f"at least 5 {million}", f"6 {million}", f"**12 {million}**"]
    assert said["memory of the analyser, mixed"] == ["at most 80 MB", "**90 MB**, short", ""]
    most = f"most memory of `threadcap analyze --json`, {len(KINDS)} hostile captures"
    assert said[most] == ["at most 80 MB", "**70 MB** (TLS hellos)", ""]
    assert said["times as fast as nfstream, mixed"] == ["at least 18 x", "not measured", "not measured"]


def test_the_table_says_where_when_and_of_which_commit() -> None:
    said = table(TOLD)
    assert "2 cores of some processor, load 0.2, 2023-11-14, commit abc1234" in said
    assert said.count("not measured") == len(ROWS) + sum(row.alone is not None for row in ROWS)


def test_a_table_takes_the_place_of_another() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(text, table(TOLD)) == f"before\n{table(TOLD)}\nafter\n"
    with pytest.raises(ValueError, match="bench"):
        replaced("no marks", "")


def test_readme_has_the_rows_that_are_made() -> None:
    readme = (ROOT / "README.md").read_text()
    shown = readme.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    assert tuple(shown[2:4]) == HEADER
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in shown[4:]]
    assert [row[:2] for row in cells] == [[what, asked] for what, asked, *_ in lines({})]
    assert all(len(row) == 4 and row[2] for row in cells)
