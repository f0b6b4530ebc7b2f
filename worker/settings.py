"""The settings, and the only reader of the environment."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from worker.errors import InvalidSettings

PREFIX = "ONEPREFIX_"


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "oneprefix"


class Settings(BaseSettings):
    """Each is read from `ONEPREFIX_` and its name in capitals, or from a `.env` file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL or SQLite; SQLite in the data directory if not set"
    )
    broker_url: SecretStr | None = Field(
        None, description="Redis, Valkey or RabbitMQ; the embedded Valkey if not set"
    )
    s3_bucket: str | None = Field(None, description="bucket that the artifacts land in")
    results_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="directories that runs' results lie in, separated by colons"
    )
    run_directory_pattern: str = Field(
        "RUN*", pattern="^[^/]+$", description="names of run directories; * takes any"
    )
    server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = Field(
        None, description="asked of S3 for every object; the bucket's default if not set"
    )
    kms_key_id: str | None = Field(None, description="key for aws:kms")
    threads: int | None = Field(
        None, ge=1, le=64, description="threads that pack; the worker's share of the processors"
    )
    level: Literal["store", "fast", "small"] = Field(
        "fast", description="how hard to compress; small is half as fast and saves 4 %"
    )
    connections: int = Field(8, ge=1, le=64, description="parts of an archive sent at once")
    part_size_mib: int = Field(
        8, ge=5, le=5120, description="size of a part; more where 10,000 would not hold the archive"
    )
    memory_mib: int = Field(
        96, ge=32, description="memory for one upload; fewer parts are sent at once to keep to it"
    )
    bandwidth_mib: float | None = Field(
        None, gt=0, description="MiB a second that a worker sends at most"
    )
    large_run_mib: int = Field(
        1024, ge=1, description="from here on a run is large: one process is kept for smaller ones"
    )
    lease_seconds: float = Field(
        7, ge=1, description="how long a silent worker keeps an upload; renewed every quarter"
    )
    stall_seconds: float = Field(
        300,
        ge=1,
        description="after which an upload that moves no byte is given up, and tried again",
    )
    stop_seconds: float = Field(
        20, ge=0, description="what a stopping worker does not finish by then goes to another one"
    )
    recovery_seconds: float = Field(
        1, gt=0, description="how often a worker looks for uploads that nobody works on"
    )
    sweep_seconds: float = Field(
        60, gt=0, description="how often it looks for multipart uploads that nobody goes on with"
    )
    publish_grace_seconds: float = Field(
        5, ge=0, description="how long a new row waits for its producer's own message"
    )
    republish_seconds: float = Field(
        300, ge=1, description="after which a message that led to nothing counts as lost"
    )
    max_attempts: int = Field(20, ge=1, description="attempts before an upload is FAILED")
    missing_path_attempts: int = Field(
        5, ge=1, description="the same, while the directory is missing"
    )
    backoff_seconds: float = Field(
        2, gt=0, description="longest wait before the second attempt; doubles with each"
    )
    backoff_cap_seconds: float = Field(900, gt=0, description="longest wait before any attempt")
    data_dir: Path = Field(
        default_factory=_default_data_dir, description="for the embedded broker and SQLite"
    )

    @field_validator("database_url", "broker_url")
    @classmethod
    def _url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_url(url.get_secret_value()):
            # the value is not quoted: it may hold a password
            raise ValueError("is not a URL; in a password, write @ : / ? # % as %40 %3A …")
        return url

    @field_validator("results_roots", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.split(":"))) if isinstance(value, str) else value

    @field_validator("results_roots")
    @classmethod
    def _absolute(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        for root in roots:
            if not root.is_absolute() or ".." in root.parts:
                raise ValueError(f"{str(root)!r} is not an absolute path without '..'")
        return roots


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    # an @ behind the host is a password's, cut off by an unescaped character
    return "://" in text and "@" not in parts.path + parts.query + parts.fragment


def load_settings() -> Settings:
    """The settings as they are now, or InvalidSettings naming the variable and what is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise InvalidSettings("; ".join(map(_line, error.errors()))) from None


@dataclass(frozen=True, slots=True)
class Described:
    """One setting for a person to read, its secrets masked; `value` None if it is not set."""

    name: str
    value: str | None
    meaning: str


def described(settings: Settings) -> list[Described]:
    return [
        Described(name, _shown(getattr(settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _shown(value: Any) -> str | None:
    if isinstance(value, SecretStr):
        return _without_secrets(value.get_secret_value())
    if isinstance(value, tuple):
        return ":".join(map(str, value)) or None
    return None if value is None else str(value)


def _without_secrets(url: str) -> str:
    """Where the URL leads; neither user nor password nor options, since any may be a secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{'***@' if '@' in parts.netloc else ''}{host}{parts.path}"


def _line(problem: Any) -> str:
    name = PREFIX + "_".join(str(part) for part in problem["loc"][:1]).upper()
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"
