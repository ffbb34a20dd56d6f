"""Settings: environment over file, and errors that name the variable, the reason and the next step."""

from pathlib import Path

import pytest

from bot.settings import BadSettings, Mode, load
from workers.policy import Concurrency, Rules

TOKENS = {"THREADCAP_SLACK_BOT_TOKEN": "xoxb-secret", "THREADCAP_SLACK_APP_TOKEN": "xapp-secret"}


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_environment(env: pytest.MonkeyPatch) -> None:
    env.setenv("THREADCAP_LIMITS__MAX_DURATION", "300")
    env.setenv("THREADCAP_NAMESPACES", "shop, team-*")
    env.setenv("THREADCAP_STOPPERS", "anyone")
    env.setenv("THREADCAP_WHOLE_NODES", "true")
    env.setenv("THREADCAP_AT_ONCE__NODE", "8")
    env.setenv("THREADCAP_SLACK_BASE_URL", "http://127.0.0.1:1/api")
    settings = load()
    assert settings.rules.limits.max_duration == 300
    assert settings.rules.limits.max_pods == 10
    assert settings.rules.namespaces == ("shop", "team-*")
    assert settings.rules.whole_nodes
    assert settings.rules.at_once == Concurrency(node=8)
    assert settings.slack_base_url.endswith("/api/")
    assert "-secret" not in repr(settings)


def test_nothing_set_is_the_rules_defaults(env: pytest.MonkeyPatch) -> None:
    assert load().rules == Rules()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bot.toml", 'namespaces = ["shop"]\nlog_level = "debug"\n[limits]\nmax_pods = 3\n'),
        ("bot.env", "THREADCAP_NAMESPACES=shop\nTHREADCAP_LOG_LEVEL=debug\nTHREADCAP_LIMITS__MAX_PODS=3\n"),
    ],
)
def test_file_and_environment_over_it(env: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    env.setenv("THREADCAP_CONFIG", str(tmp_path / name))
    settings = load()
    assert (settings.namespaces, settings.log_level, settings.limits.max_pods) == (("shop",), "DEBUG", 3)
    env.setenv("THREADCAP_NAMESPACES", "bank")
    assert load().namespaces == ("bank",)


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("PORT", "99999", "65535"),
        ("LIMITS__MAX_PODS", "many", "integer"),
        ("AT_ONCE__NODE", "few", "integer"),
        ("MODE", "pigeon", "socket"),
        ("LOG_LEVEL", "loud", "DEBUG"),
        ("SLACK_BASE_URL", "ftp://x", "http"),
    ],
)
def test_what_does_not_fit_is_named(env: pytest.MonkeyPatch, name: str, value: str, word: str) -> None:
    env.setenv(f"THREADCAP_{name}", value)
    with pytest.raises(BadSettings) as bad:
        load()
    assert f"THREADCAP_{name}" in bad.value.user_message
    assert word in bad.value.user_message
    assert "Correct it" in bad.value.user_message
    assert "-secret" not in bad.value.user_message


def test_tokens_each_mode_needs(env: pytest.MonkeyPatch) -> None:
    env.delenv("THREADCAP_SLACK_APP_TOKEN")
    with pytest.raises(BadSettings, match="THREADCAP_SLACK_APP_TOKEN"):
        load()
    env.setenv("THREADCAP_MODE", "http")
    with pytest.raises(BadSettings, match="THREADCAP_SLACK_SIGNING_SECRET"):
        load()
    env.setenv("THREADCAP_SLACK_SIGNING_SECRET", "s")
    assert load().mode is Mode.HTTP


def test_unreadable_file(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("THREADCAP_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(BadSettings, match="no file"):
        load()
    (tmp_path / "bad.toml").write_text("= nonsense")
    env.setenv("THREADCAP_CONFIG", str(tmp_path / "bad.toml"))
    with pytest.raises(BadSettings, match="cannot be read"):
        load()
