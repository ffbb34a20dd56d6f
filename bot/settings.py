"""The bot's settings, on top of what both sides share (workers.settings, which says how they are read)."""

import enum
from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from workers.settings import CONFIG, BadSettings, Common, read, variable

__all__ = ["BadSettings", "Mode", "Settings", "load"]


class Mode(enum.StrEnum):
    """How Slack reaches the bot: a socket the bot opens, or signed HTTP requests to `port`."""

    SOCKET = "socket"
    HTTP = "http"


class Settings(Common):
    """Everything the bot is told from outside."""

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
    claim_seconds: float = Field(default=15.0, ge=9.0)
    """How long a thread stays with a bot that died, at most."""
    drain_seconds: float = Field(default=8.0, ge=0.0)

    @field_validator("slack_base_url")
    @classmethod
    def _slash(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must be an http(s) URL")
        return value.rstrip("/") + "/"

    @model_validator(mode="after")
    def _enough(self) -> Self:
        needed = ["slack_bot_token", "slack_app_token" if self.mode is Mode.SOCKET else "slack_signing_secret"]
        for name in needed:
            if not getattr(self, name).get_secret_value():
                what = type(self).model_fields[name].description
                raise ValueError(f"{variable(name)}: is not set. Set it to {what} in the environment or in {CONFIG}.")
        return self


def load(**overrides: Any) -> Settings:
    """Read the settings. Raises BadSettings with one sentence for each that does not fit."""
    return read(Settings, **overrides)
