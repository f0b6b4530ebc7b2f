"""A producer's request for an upload, checked before anything acts on it, or its refusal."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from inspect import signature
from pathlib import PurePath, PurePosixPath
from typing import Any, NamedTuple, Self

from worker.errors import InvalidId, InvalidRequest
from worker.models.validation import positive_id, utc

#: The largest BIGINT, the widest integer of PostgreSQL and SQLite.
MAX_ID = 2**63 - 1
#: Linux refuses longer paths (PATH_MAX, with its closing NUL).
MAX_PATH_BYTES = 4095
#: A time, or a number of seconds after the request reaches SQL, on the database's clock.
Moment = datetime | float
#: A century, in seconds: more than any request waits, and no database's clock overflows.
MAX_SECONDS = 100 * 366 * 24 * 60 * 60


def _asked(job_id: object, run_id: object, path: object, replace: object = False) -> None: ...


_SIGNATURE = signature(_asked)


@dataclass(frozen=True, slots=True)
class UploadMessage:
    """The content of an upload's message: arguments of any type, as a producer sent them."""

    task_id: str | None
    job_id: object
    run_id: object
    path: object
    replace: object = False
    eta: object = None
    expires: object = None
    follow_up: str | None = None
    """What is to happen once the upload is over; only the door for messages reads it."""
    problem: str | None = None
    """Why the message asks for nothing, where it is not for one of the values."""

    @classmethod
    def of(cls, task_id: str | None, arguments: Any, keywords: Any, **more: Any) -> Self:
        """The message with these arguments, which may be too few, too many or of unknown names."""
        problem = more.pop("problem", None)
        try:
            _SIGNATURE.bind(*arguments, **keywords)
        except TypeError as error:
            problem = f"these are no arguments of an upload: {error}"
        given = dict(zip(_SIGNATURE.parameters, arguments, strict=False))
        given |= {name: value for name, value in keywords.items() if name in _SIGNATURE.parameters}
        known = {"job_id": None, "run_id": None, "path": ""} | given
        return cls(task_id, problem=problem, **known, **more)


@dataclass(frozen=True, slots=True)
class UploadRequest:
    job_id: int
    run_id: int
    path: str
    replace: bool = False
    task_id: str | None = None
    """The id of the message that asks. The same message a second time asks for nothing new."""
    not_before: Moment | None = None
    """No attempt begins earlier."""
    expires: Moment | None = None
    """The request is cancelled then, unless an attempt is under way or has succeeded."""
    follow_up: str | None = None
    """What the message wants to happen once the upload is over."""

    @classmethod
    def parse(cls, message: UploadMessage) -> Self:
        """Make the request that the message asks for; raises InvalidRequest."""
        if message.problem:
            raise InvalidRequest(message.problem)
        return cls(
            job_id=storable_id("job id", message.job_id),
            run_id=storable_id("run id", message.run_id),
            path=_absolute_path(message.path),
            replace=_flag(message.replace),
            task_id=message.task_id,
            not_before=_moment("eta", message.eta),
            expires=_moment("expires", message.expires),
            follow_up=message.follow_up,
        )


class DueMessage(NamedTuple):
    """A message that is to be published for an upload."""

    request: UploadRequest
    is_begun: bool
    """Whether an attempt has worked on the upload before, and was interrupted or failed."""
    attempts: int
    """How many have, that count."""


def storable_id(name: str, value: object) -> int:
    """Return the value if it is an id that a column can hold; raises InvalidId."""
    number = positive_id(name, value)
    if number > MAX_ID:
        raise InvalidId(f"{name} must be below 2^63, not {value!r:.100}")
    return number


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"replace must be true or false, not {value!r:.100}")
    return value


def _moment(name: str, value: object) -> Moment | None:
    """The time or the seconds; messages have times as texts in ISO 8601."""
    with suppress(ValueError, OverflowError):
        match value:
            case None:
                return None
            case int() | float() if not isinstance(value, bool) and abs(value) <= MAX_SECONDS:
                return float(value)
            case str():
                return utc(datetime.fromisoformat(value))
            case datetime():
                return utc(value)
    raise InvalidRequest(f"{name} must be a time or a number of seconds, not {value!r:.100}")


def _absolute_path(value: object) -> str:
    if isinstance(value, PurePath):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidRequest(f"path must be a string, not {value!r:.100}")
    if problem := _problem_with(value):
        raise InvalidRequest(f"path {problem}: {value!r:.100}")
    return value


def _problem_with(path: str) -> str | None:
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
    return next((problem for problem, present in problems.items() if present), None)


#: Characters kept of a path or an error.
MAX_TEXT = 5000


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that makes no request, to be recorded with the reason."""

    job_id: int | None
    run_id: int | None
    path: str
    reason: str
    task_id: str | None = None

    @classmethod
    def of(cls, message: UploadMessage, reason: str) -> Self:
        """Refuse the message; an id that no column can hold becomes None."""
        job_id, run_id, path = message.job_id, message.run_id, message.path
        return cls(
            job_id=column_id(job_id),
            run_id=column_id(run_id),
            path=storable(path if isinstance(path, str) else repr(path)),
            reason=storable(f"job {job_id!r:.40}, run {run_id!r:.40}: {reason}"),
            task_id=message.task_id,
        )


def column_id(value: object) -> int | None:
    """Return the value; None if no column of ids can hold it."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_ID:
        return None
    return value


def storable(text: str) -> str:
    """The text as every database stores it: no NUL, no lone surrogates, MAX_TEXT at most."""
    return text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()[:MAX_TEXT]
