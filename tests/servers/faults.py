"""Faults to order: what goes wrong, with which requests, how often."""

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class S3Request:
    method: str
    operation: str  # as boto3 calls it: PutObject, UploadPart, …
    bucket: str
    key: str
    part_number: int | None
    upload_id: str | None
    count: int  # 1 for the first request of this operation, key and part, 2 for the next
    has_checksum: bool  # names a checksum of S3's, or an algorithm of one, in its headers
    has_condition: bool  # If-Match or If-None-Match
    access_key: str  # that signed it; empty if none did


@dataclass(frozen=True, slots=True)
class AnswerError:
    """Refuse the request; the upstream never sees it."""

    status: int
    code: str
    message: str = "A test said so."


@dataclass(frozen=True, slots=True)
class ResetConnection:
    """Break the connection; the upstream never sees the request."""


@dataclass(frozen=True, slots=True)
class DropAnswer:
    """Let the upstream do its work, and break the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Go on only after so many seconds, whether or not the client still waits."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CorruptBody:
    """Change the first byte of the content, as if on its way here."""


@dataclass(frozen=True, slots=True)
class HalfAnswer:
    """Let the upstream do its work, and break the connection in the middle of its answer."""


@dataclass(frozen=True, slots=True)
class LieAboutETag:
    """Let the upstream do its work, and answer with an ETag that is another's."""

    etag: str = "0" * 32


Action = AnswerError | ResetConnection | DropAnswer | HalfAnswer | LieAboutETag | Hang | CorruptBody
Match = Callable[[S3Request], bool]


@dataclass(slots=True)
class _Fault:
    match: Match
    action: Action
    left: float


class Faults:
    """The faults that were ordered; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []

    def order(self, match: Match, action: Action, times: int | None) -> None:
        with self._lock:
            self._faults.append(_Fault(match, action, float("inf") if times is None else times))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def due(self, request: S3Request) -> Action | None:
        """What goes wrong with this request: the first fault ordered that isn't used up."""
        with self._lock:
            for fault in self._faults:
                if fault.left > 0 and fault.match(request):
                    fault.left -= 1
                    return fault.action
        return None
