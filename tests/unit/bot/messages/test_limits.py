"""Whatever goes in, Slack takes the message; what was left out is told."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.messages import Message
from bot.messages.blocks import actions, button, confirm, context, image, section, table
from bot.messages.limits import MARK, MAX_CHARACTERS, NOTICE, characters, fit, shorten
from bot.messages.lint import lint
from bot.messages.message import Block, ChartRef
from bot.messages.text import code, fenced, plain, raw, visible

_TEXT = st.one_of(
    st.text(max_size=40),
    st.builds(
        lambda piece, times: piece * times,
        st.sampled_from(["x", "&amp;", "<@U1>", "`a` ", "```", "é😀", "\n"]),
        st.integers(0, 5000),
    ),
)
_BLOCK = st.one_of(
    st.builds(section, _TEXT),
    st.lists(_TEXT, max_size=14).map(lambda texts: context(*texts)),
    st.builds(lambda rows, width: table([["cell"] * width] * rows), st.integers(0, 150), st.integers(1, 30)),
    st.builds(lambda label, value: actions(button(label, "a", value[:2000])), _TEXT, _TEXT),
    st.builds(
        lambda text: actions(button("x", "b", "v", confirm=confirm(text, text, text, text)), button("y", "c", "v")),
        _TEXT,
    ),
    st.builds(lambda alt: image(ChartRef("F1", alt)), _TEXT),
    st.builds(lambda text: {"type": "header", "text": {"type": "plain_text", "text": text}}, _TEXT),
)


def _one_table(blocks: list[Block]) -> list[Block]:
    tables = [block for block in blocks if block["type"] == "table"]
    return [block for block in blocks if block["type"] != "table"] + tables[:1]


@given(_TEXT, st.lists(_BLOCK, max_size=70).map(_one_table))
def test_anything_fits(text: str, blocks: list[Block]) -> None:
    fitted = fit(Message(text, blocks))
    assert lint(fitted) == []
    assert fit(fitted) == fitted
    told = any(NOTICE in str(block) for block in fitted.blocks)
    if sum(block["type"] != "context" for block in blocks) > 50 or (len(fitted.blocks) < len(blocks) and told):
        assert told


def test_what_fits_is_left_alone() -> None:
    message = Message("hello", [section("text"), context("small"), actions(button("Go", "go", "1"))])
    assert fit(message) == message


def test_buttons_outlive_everything_else() -> None:
    blocks = [section("x" * 3000) for _ in range(60)]
    fitted = fit(Message("text", [*blocks, actions(button("Stop", "stop", "1"))]))
    assert fitted.blocks[-1]["type"] == "actions"
    assert fitted.blocks[-2]["elements"][0]["text"] == NOTICE
    assert characters(fitted.blocks) <= MAX_CHARACTERS
    assert fitted.blocks[0]["text"]["text"] == "x" * 3000


def test_a_table_loses_rows_rather_than_itself() -> None:
    rows = [["x" * 100] * 5] * 30
    fitted = fit(Message("text", [section("x" * 3000), table(rows)]))
    kept = [block for block in fitted.blocks if block["type"] == "table"]
    assert len(kept) == 1
    assert 10 < len(kept[0]["rows"]) < 20
    assert NOTICE in str(fitted.blocks)


@given(_TEXT, st.integers(60, 3000))
def test_shortening_leaves_nothing_open(text: str, most: int) -> None:
    short = shorten(text, most)
    assert len(short) <= most
    assert short == text or short.endswith(MARK)
    if short != text:
        body = short.removesuffix(MARK)
        assert not body.endswith("&")
        assert body.rfind("<") <= body.rfind(">")


def test_a_cut_code_block_is_closed() -> None:
    short = shorten("```\n" + "x" * 5000 + "\n```", 3000)
    assert short.count("```") == 2


_HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from("<>&`*_~@:/\u202e\u200b\u2066\x00\x1b\ud800\n😀")), max_size=200
)


@given(_HOSTILE | st.sampled_from(["<!channel>", "<@U1>", "@here @Channel", "https://evil.io", ":smile:", "a:100:b"]))
def test_nothing_hostile_stays_alive(text: str) -> None:
    for made in (plain(text), code(text), fenced(visible(text)), raw(text)):
        made.encode()
        assert not set(made) & set("\u202e\u200b\u2066\x00\x1b")
    for made in (plain(text), code(text)):
        assert "<" not in made
        assert ">" not in made
        assert "\n" not in made
    neutral = plain(text).lower()
    for live in ("@here", "@channel", "@everyone", "https://", "http://", ":smile:", ":100:"):
        assert live not in neutral
    assert code(text).count("`") == 2
    assert raw(text)


def test_addresses_stay_readable() -> None:
    assert plain("2001:db8::1 at 12:30:45") == "2001:db8::1 at 12:30:45"
    assert plain("198.18.0.7:443 -> web:8080") == "198.18.0.7:443 -&gt; web:8080"


def test_lint_names_what_slack_would() -> None:
    block: dict[str, Any] = section("x" * 3001)
    assert lint(Message("", [block])) == [
        "no_text: the fallback text is empty",
        "invalid_blocks: block 0 (section): text of 3001 characters, 1 to 3000 allowed",
    ]
    assert any("msg_blocks_too_long" in found for found in lint(Message("t", [section("x" * 3000)] * 5)))
    assert any("51 blocks" in found for found in lint(Message("t", [section("x")] * 51)))
    assert any("only_one_table" in found for found in lint(Message("t", [table([["a"]]), table([["a"]])])))
