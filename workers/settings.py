"""Settings: environment (THREADCAP_…) and a file, read once into a frozen object. `Common` is what both sides share.

THREADCAP_CONFIG names a TOML file or an env file (`KEY=value` lines); the environment wins over it. Nested values
are written THREADCAP_LIMITS__MAX_DURATION=300 or, in TOML, under [limits].
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from workers.contract.errors import ThreadcapError
from workers.contract.limits import Limits
from workers.contract.spec import METHODS
from workers.policy import Concurrency, Rules, Stoppers

PREFIX = "THREADCAP_"
CONFIG = f"{PREFIX}CONFIG"

S = TypeVar("S", bound="Common")


def _split(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list, written with commas in the environment."""


class BadSettings(ThreadcapError):
    """A setting is missing or does not fit; the message names it, the reason and the next step."""

    code = "bad_settings"
    exit_code = 2


class Common(BaseSettings):
    """What bot and workers must agree on, and what each process has."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    redis_url: str = Field(default="redis://127.0.0.1:6379/0", repr=False)
    artifacts_url: str = "file:///var/lib/threadcap/artifacts"
    limits: Limits = Limits()
    namespaces: Words = ("*",)
    denied_namespaces: Words = ("kube-system",)
    stoppers: Stoppers = Stoppers.REQUESTER
    admins: Words = ()
    whole_nodes: bool = False
    at_once: Concurrency = Concurrency()
    log_level: str = "INFO"
    ready_file: str = ""
    """Touched every few seconds while the process works, for a liveness probe; "" for none."""

    @property
    def rules(self) -> Rules:
        """What the policy is asked with."""
        return Rules(
            self.namespaces,
            self.denied_namespaces,
            self.limits,
            self.stoppers,
            self.admins,
            self.whole_nodes,
            self.at_once,
        )

    @property
    def installation(self) -> str:
        """Which Threadcap this is, where several share a cluster: a label, the same for all who share a Redis."""
        where = urlsplit(self.redis_url)
        return hashlib.sha256(f"{where.hostname}:{where.port}{where.path}".encode()).hexdigest()[:10]

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

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


class CaptureSettings(Common):
    """What whoever captures must know, worker or terminal."""

    capture_image: str = ""
    """Our capture image, for pods whose own containers can't capture; "" adds nothing to a cluster."""
    agent_namespace: str = ""
    """Where pods of ours may run on a target's node (methods node and veth); "" for nowhere."""
    methods: Words = METHODS
    """The methods that may be used, the best first."""
    static_tcpdump: str = "/usr/share/threadcap"
    """The folder with tcpdump-amd64 and tcpdump-arm64, for containers that have none and can't be given a neighbour."""

    @field_validator("methods")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or set(value) - set(METHODS):
            raise ValueError(f"must be some of {', '.join(METHODS)}")
        return value


class WorkerSettings(CaptureSettings):
    """Everything a capture worker is told from outside."""

    kubeconfig: str | None = None
    """A kubeconfig file; None means the pod's own service account, or the usual places."""
    kube_context: str | None = None
    concurrency: int = Field(default=300, ge=1)
    spool_dir: str = Field(default_factory=lambda: str(Path(tempfile.gettempdir()) / "threadcap-spool"))


def read(kind: type[S], **overrides: Any) -> S:
    """Read settings of a kind. Raises BadSettings with one sentence for each that does not fit."""
    file = os.environ.get(CONFIG)
    if file and not Path(file).is_file():
        raise BadSettings(f"{CONFIG}: there is no file {file}. Correct the path or unset the variable.")
    try:
        return kind(**overrides)
    except ValidationError as error:
        raise BadSettings("\n".join(_sentence(dict(one)) for one in error.errors(include_input=False))) from None
    except ValueError as error:  # a file or a nested value that is not readable as TOML or JSON
        raise BadSettings(f"The settings cannot be read: {error}. Correct {CONFIG} or the environment.") from None


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _sentence(error: dict[str, Any]) -> str:
    reason = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return reason
    return f"{variable('__'.join(map(str, error['loc'])))}: {reason}. Correct it in the environment or in {CONFIG}."
