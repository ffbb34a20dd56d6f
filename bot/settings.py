"""The bot's settings: environment (THREADCAP_…) and a file, read once into a frozen object.

THREADCAP_CONFIG names a TOML file or an env file (`KEY=value` lines); the environment wins over it. Nested values
are written THREADCAP_LIMITS__MAX_DURATION=300 or, in TOML, under [limits] and [rules].
"""

import enum
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from workers.contract.errors import ThreadcapError
from workers.contract.spec import Limits
from workers.policy import Rules, Stoppers

PREFIX = "THREADCAP_"
CONFIG = f"{PREFIX}CONFIG"


def _split(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list, written with commas in the environment."""


class BadSettings(ThreadcapError):
    """A setting is missing or does not fit; the message names it, the reason and the next step."""

    code = "bad_settings"
    exit_code = 2


class Mode(enum.StrEnum):
    """How Slack reaches the bot: a socket the bot opens, or signed HTTP requests to `port`."""

    SOCKET = "socket"
    HTTP = "http"


class Settings(BaseSettings):
    """Everything the bot is told from outside."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    slack_bot_token: SecretStr = Field(default=SecretStr(""), description="the bot token, xoxb-…")
    slack_app_token: SecretStr = Field(
        default=SecretStr(""), description="the app-level token, xapp-…, for mode socket"
    )
    slack_signing_secret: SecretStr = Field(default=SecretStr(""), description="the signing secret, for mode http")
    slack_base_url: str = "https://slack.com/api/"
    slack_command: str = "/capture"
    mode: Mode = Mode.SOCKET
    host: str = ""
    """Where mode http listens; "" is every interface, since Slack's requests come through an ingress."""
    port: int = Field(default=3000, ge=0, le=65535)
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", repr=False)
    artifacts_url: str = "file:///var/lib/threadcap/artifacts"
    limits: Limits = Limits()
    namespaces: Words = ("*",)
    denied_namespaces: Words = ("kube-system",)
    stoppers: Stoppers = Stoppers.REQUESTER
    admins: Words = ()
    log_level: str = "INFO"
    ready_file: str = ""
    """Touched every few seconds while the bot works, for a liveness probe; "" for none."""
    claim_seconds: float = Field(default=15.0, ge=9.0)
    """How long a thread stays with a bot that died, at most."""
    drain_seconds: float = Field(default=8.0, ge=0.0)

    @property
    def rules(self) -> Rules:
        """What the policy is asked with."""
        return Rules(self.namespaces, self.denied_namespaces, self.limits, self.stoppers, self.admins)

    @field_validator("slack_base_url")
    @classmethod
    def _slash(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must be an http(s) URL")
        return value.rstrip("/") + "/"

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @model_validator(mode="after")
    def _enough(self) -> "Settings":
        needed = ["slack_bot_token", "slack_app_token" if self.mode is Mode.SOCKET else "slack_signing_secret"]
        for name in needed:
            if not getattr(self, name).get_secret_value():
                what = type(self).model_fields[name].description
                raise ValueError(f"{_variable(name)}: is not set. Set it to {what} in the environment or in {CONFIG}.")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        file = os.environ.get(CONFIG)
        chosen = [init_settings, env_settings]
        if file and file.endswith(".toml"):
            chosen.append(TomlConfigSettingsSource(settings_cls, Path(file)))
        elif file:
            chosen.append(DotEnvSettingsSource(settings_cls, env_file=file))
        return tuple(chosen)


def load(**overrides: Any) -> Settings:
    """Read the settings. Raises BadSettings with one sentence for each that does not fit."""
    file = os.environ.get(CONFIG)
    if file and not Path(file).is_file():
        raise BadSettings(f"{CONFIG}: there is no file {file}. Correct the path or unset the variable.")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise BadSettings("\n".join(_sentence(dict(one)) for one in error.errors(include_input=False))) from None
    except ValueError as error:  # a file or a nested value that is not readable as TOML or JSON
        raise BadSettings(f"The settings cannot be read: {error}. Correct {CONFIG} or the environment.") from None


def _sentence(error: dict[str, Any]) -> str:
    reason = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return reason
    return f"{_variable('__'.join(map(str, error['loc'])))}: {reason}. Correct it in the environment or in {CONFIG}."


def _variable(name: str) -> str:
    return PREFIX + name.upper()
