"""Checks of the ids and times that values are made from."""

import json
from datetime import UTC, datetime
from typing import Any

from worker.errors import InvalidId


def positive_id(name: str, value: object) -> int:
    """Return the value; raises InvalidId, also for a bool, which Python takes for an integer."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidId(f"{name} must be a positive integer, not {value!r:.100}")
    return value


def stored_json(text: str | None) -> Any:
    """What a column's JSON says; the text itself where somebody has written something else."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text


def utc(time: datetime) -> datetime:
    """The same instant in UTC; a naive time is read as UTC."""
    if not isinstance(time, datetime):
        raise TypeError(f"a time must be a datetime, not {time!r:.100}")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
