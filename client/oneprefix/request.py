"""Check a request before anything acts on it, as oneprefix's workers do."""

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import PurePath, PurePosixPath

from oneprefix.errors import InvalidRequest

#: The largest BIGINT.
MAX_ID = 2**63 - 1
#: Linux refuses longer paths (PATH_MAX, with its closing NUL).
MAX_PATH_BYTES = 4095
#: A century, in seconds.
MAX_SECONDS = 100 * 366 * 24 * 60 * 60

Moment = datetime | float


@dataclass(frozen=True)
class Request:
    """A request for an upload. `not_before`, `expires`: times, or seconds from now."""

    job_id: int
    run_id: int
    path: str
    task_id: str
    replace: bool = False
    not_before: Moment | None = None
    expires: Moment | None = None


def checked_id(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(f"{name} must be a positive integer, not {value!r:.100}")
    if value > MAX_ID:
        raise InvalidRequest(f"{name} must be below 2^63, not {value!r:.100}")
    return value


def checked_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"replace must be true or false, not {value!r:.100}")
    return value


def checked_moment(name: str, value: object) -> Moment | None:
    """The time, in UTC, or the number of seconds."""
    with suppress(ValueError, OverflowError):
        if value is None:
            return None
        if isinstance(value, datetime):
            is_naive = value.tzinfo is None
            return value.replace(tzinfo=timezone.utc) if is_naive else _utc(value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and math.isfinite(value) and abs(value) <= MAX_SECONDS:  # type: ignore[arg-type]
            return float(value)  # type: ignore[arg-type]
    raise InvalidRequest(f"{name} must be a time or a number of seconds, not {value!r:.100}")


def checked_path(value: object) -> str:
    path = str(value) if isinstance(value, PurePath) else value
    if not isinstance(path, str):
        raise InvalidRequest(f"path must be a string, not {value!r:.100}")
    parts = PurePosixPath(path)
    problems = {
        "is empty": not path,
        "holds a NUL": "\0" in path,
        "is not valid Unicode": any("\ud800" <= letter <= "\udfff" for letter in path),
        f"is longer than {MAX_PATH_BYTES} bytes": len(path.encode(errors="replace"))
        > MAX_PATH_BYTES,
        "is not absolute": not parts.is_absolute(),
        "holds '..'": ".." in parts.parts,
    }
    for problem, is_there in problems.items():
        if is_there:
            raise InvalidRequest(f"path {problem}: {path!r:.100}")
    return path


def _utc(time: datetime) -> datetime:
    return time.astimezone(timezone.utc)
