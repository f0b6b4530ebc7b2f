"""The settings; nothing else reads the environment."""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
)

from worker.errors import InvalidSettings

PREFIX = "ONEPREFIX_"
#: Where containers find their secrets, one file for each, in lower case.
SECRETS = Path("/run/secrets")
#: Databases, as their URLs begin, with or without a driver's name.
DATABASES = ("postgresql", "postgres", "sqlite")
#: What a bucket may be called; also the ARN of an access point.
BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}|arn:.+")

#: Characters of a secret that a person chooses and anybody may guess at.
MIN_SECRET = 12


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "oneprefix"


class Settings(BaseSettings):
    """Read from variables `ONEPREFIX_{NAME}` of the environment, a file `.env`, or secret files.

    `oneprefix settings` prints each with its description.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL or SQLite; SQLite in the data directory if not set"
    )
    broker_url: SecretStr | None = Field(
        None, description="Redis, Valkey or RabbitMQ; the embedded Valkey if not set"
    )
    remote_control: Literal["revoke-only", "all", "off"] = Field(
        "revoke-only",
        description="what workers obey of Celery's remote control: inspection and revoke, all, or"
        " off",
    )
    result_backend: SecretStr | None = Field(
        None,
        description="Celery's result backend, such as redis://… or db+postgresql+psycopg://…;"
        " results are not stored if not set",
    )
    s3_bucket: str | None = Field(None, description="bucket to upload to")
    results_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="directories that results may be read from, separated by colons"
    )
    keep_status: str = Field(
        "ERROR,FAILED,CANCELLED",
        description="statuses of runs, separated by commas, that a landing leaves as they are;"
        " any other becomes DONE",
    )
    database_password_command: SecretStr | None = Field(
        None,
        description="command that prints PostgreSQL's password, run for each new connection",
    )
    orders_by_message: bool = Field(
        False,
        description="whether a message alone gives an order that moves or deletes; if not, only a"
        " row does",
    )
    order_buckets: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="buckets that orders may name beside ONEPREFIX_S3_BUCKET, separated by commas",
    )
    require_row: bool = Field(
        False, description="whether a message asks for nothing by itself, but for its upload's row"
    )
    run_directory_pattern: str = Field(
        "RUN*",
        pattern="^[^/]+$",
        description="pattern of run directories' names; * takes any directory",
    )
    settle_seconds: float = Field(
        0,
        ge=0,
        description="seconds for which nothing in a run's directory may have changed before it is"
        " uploaded; it is looked at twice, that far apart",
    )
    complete_marker: str | None = Field(
        None,
        pattern="^[^/]+$",
        description="name of a file without which a run's directory is not complete, and its upload"
        " waits",
    )
    server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = Field(
        None, description="encryption requested for every object; the bucket's default if not set"
    )
    kms_key_id: str | None = Field(None, description="KMS key for aws:kms")
    presigned_endpoint: str | None = Field(
        None,
        pattern="^https?://[^@/]+/?$",
        description="endpoint that presigned URLs name, where people reach the store by another one"
        " than programs do",
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=64,
        description="packing threads per upload; the process' share of the processors if not set",
    )
    level: Literal["store", "fast", "small"] = Field(
        "fast",
        description="compression: small is 71 % as fast as fast and saves 2.5 %, store"
        " compresses nothing",
    )
    connections: int = Field(8, ge=1, le=64, description="parts of an archive sent in parallel")
    part_size_mib: int = Field(
        8,
        ge=5,
        le=5120,
        description="size of a part; larger if 10,000 parts would not hold the archive",
    )
    memory_mib: int = Field(
        96, ge=32, description="memory for one upload; limits the parts sent in parallel"
    )
    bandwidth_mib: float | None = Field(
        None, gt=0, description="limit for what a worker sends, in MiB per second"
    )
    large_run_mib: int = Field(
        1024,
        ge=1,
        description="runs of this size or more are large; one process is reserved for smaller ones",
    )
    max_run_gib: float | None = Field(
        None, gt=0, description="size beyond which a run is refused, in GiB; no limit if not set"
    )
    lease_seconds: float = Field(
        7, ge=1, description="how long a lease lasts; a worker renews it every quarter of that time"
    )
    stall_seconds: float = Field(
        300,
        ge=1,
        description="seconds without a byte packed or sent before an attempt is given up",
    )
    stop_seconds: float = Field(
        8,
        ge=0,
        description="seconds in which a worker that is told to stop ends; it hands unfinished"
        " uploads back 3 seconds before",
    )
    recovery_seconds: float = Field(
        1, gt=0, description="interval at which a worker looks for uploads that no worker holds"
    )
    sweep_seconds: float = Field(
        60, gt=0, description="interval at which it looks for abandoned multipart uploads"
    )
    publish_grace_seconds: float = Field(
        5, ge=0, description="how long recovery leaves a new row to its producer's own message"
    )
    republish_seconds: float = Field(
        300, ge=1, description="time without progress after which a message counts as lost"
    )
    max_attempts: int = Field(20, ge=1, description="attempts before FAILED")
    missing_path_attempts: int = Field(
        5, ge=1, description="attempts before FAILED while the directory does not exist"
    )
    missing_path_seconds: float = Field(
        120,
        ge=0,
        description="and the time for which it is looked for at least: NFS remembers for a minute"
        " what it has not found",
    )
    backoff_seconds: float = Field(
        2, gt=0, description="longest wait before the second attempt; doubles with each attempt"
    )
    backoff_cap_seconds: float = Field(900, gt=0, description="longest wait before any attempt")
    web_password: SecretStr | None = Field(
        None,
        description="password of `oneprefix web`; only on a loopback address it needs none",
    )
    web_operator_token: SecretStr | None = Field(
        None,
        description="token of who may retry, cancel and enqueue in `oneprefix web`; nobody may if"
        " not set",
    )
    web_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="names, separated by commas, under which a proxy passes on requests to"
        " `oneprefix web` on a loopback address",
    )
    spool: Path | None = Field(
        None,
        description="directory whose files of requests the workers of this host take up, as"
        " oneprefix-client writes them while the database is away",
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="port at which a worker serves /metrics for Prometheus; off if not set",
    )
    metrics_host: str = Field("127.0.0.1", description="address that this port is opened on")
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="directory of the embedded broker and of SQLite",
    )

    @property
    def kept_statuses(self) -> tuple[str, ...]:
        """The names in `keep_status`, in capitals."""
        return tuple(name.strip().upper() for name in self.keep_status.split(","))

    @field_validator("database_url", "broker_url", "result_backend")
    @classmethod
    def _url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_url(url.get_secret_value()):
            # the value is not quoted: it may hold a password
            raise ValueError("is not a URL; in a password, write @ : / ? # % as %40 %3A …")
        return url

    @field_validator("web_password", "web_operator_token")
    @classmethod
    def _hard_to_guess(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and (length := len(secret.get_secret_value())) < MIN_SECRET:
            raise ValueError(f"has {length} characters; give it {MIN_SECRET} at least")
        return secret

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: SecretStr | None) -> SecretStr | None:
        scheme = url and urlsplit(url.get_secret_value()).scheme.partition("+")[0]
        if scheme and scheme not in DATABASES:
            raise ValueError(f"{scheme!r} is none of {', '.join(DATABASES)}")
        return url

    @field_validator("s3_bucket")
    @classmethod
    def _bucket(cls, name: str | None) -> str | None:
        if name is not None and not BUCKET.fullmatch(name):
            raise ValueError(f"{name!r} is no bucket's name or ARN: give it without s3:// and path")
        return name

    @field_validator("results_roots", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.split(":"))) if isinstance(value, str) else value

    @field_validator("order_buckets", "web_hosts", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(filter(None, map(str.strip, value.split(","))))

    @field_validator("results_roots")
    @classmethod
    def _absolute(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        for root in roots:
            if not root.is_absolute() or ".." in root.parts:
                raise ValueError(
                    f"{str(root)!r} is not an absolute path without '..'; colons separate roots"
                )
        return roots


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    # an @ behind the host belongs to a password with an unescaped character
    return "://" in text and "@" not in parts.path + parts.query + parts.fragment


def load_settings() -> Settings:
    """Read the settings now; InvalidSettings names each wrong variable and what is wrong."""
    secrets = [path for path in _secrets() if path.is_dir()]
    try:
        return Settings(_env_file=env_file(), _secrets_dir=secrets)
    except ValidationError as error:
        raise InvalidSettings("; ".join(map(_line, error.errors()))) from None
    except UnicodeDecodeError:
        raise InvalidSettings(".env, or a file of a secret, is not in UTF-8") from None


def env_file() -> Path | None:
    """The current directory's file `.env`, if it has one.

    Raises InvalidSettings if another user but root owns it: whose bucket and broker would it name?
    """
    path = Path(".env").absolute()
    try:
        owners = {path.lstat().st_uid, path.stat().st_uid}  # of a link, and of where it leads
    except OSError:
        return None
    if others := owners - {0, os.geteuid()}:
        raise InvalidSettings(
            f"{path} belongs to another user ({min(others)}), who could send uploads elsewhere:"
            " chown it, remove it, or change the directory"
        )
    return path


def unknown_variables() -> list[str]:
    """Say which variables of the environment, or of `.env`, have our prefix and are no settings."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    told = set(map(str.upper, [*os.environ, *_variables_of(env_file())]))
    unknown = sorted(name for name in told if name.startswith(PREFIX) and name not in known)
    return [f"{name} is no setting{_did_you_mean(name, known)}" for name in unknown]


def _variables_of(path: Path | None) -> Iterable[str]:
    return DotEnvSettingsSource(Settings, path).env_vars if path else ()


def _did_you_mean(name: str, known: list[str]) -> str:
    return "".join(f"; is it {near}?" for near in get_close_matches(name, known, 1))


def _secrets() -> tuple[Path, ...]:
    """Directories of files `oneprefix_{name}`; systemd's LoadCredential= names one of its own."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return (SECRETS, Path(given)) if given else (SECRETS,)


def described(settings: Settings) -> list[tuple[str, str | None, str]]:
    """Return variable, value and meaning of each setting, in the order of their declaration.

    Secrets are masked; the value is None if it is not set.
    """
    return [
        (PREFIX + name.upper(), _shown(getattr(settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _shown(value: Any) -> str | None:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return _without_secrets(secret) if "://" in secret else "***"
    if isinstance(value, tuple):
        separator = ":" if any(isinstance(each, Path) for each in value) else ","
        return separator.join(map(str, value)) or None
    return None if value is None else str(value)


def _without_secrets(url: str) -> str:
    """Keep scheme, host and path; user, password and options may be secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{'***@' if '@' in parts.netloc else ''}{host}{parts.path}"


def _line(problem: Any) -> str:
    name = PREFIX + "_".join(str(part) for part in problem["loc"][:1]).upper()
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"
