"""Keep requests in a file while the database is away; workers on this host take them up."""

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from oneprefix.request import Moment, Request

#: The form of the file, told in it.
VERSION = 1


def write(directory: "str | os.PathLike[str]", requests: Sequence[Request]) -> Path:
    """Write one file, whole or not at all, and return its path. Raises OSError.

    Once this returns, the file survives a loss of power.
    """
    place = Path(directory)
    path = place / f"{requests[0].task_id}.json"
    partial = place / f".{path.name}.partial"
    content = json.dumps({"version": VERSION, "requests": [_as_json(each) for each in requests]})
    with partial.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    if os.name == "posix":  # elsewhere a directory can't be opened
        opened = os.open(place, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    return path


def _as_json(asked: Request) -> dict[str, object]:
    return {
        "task_id": asked.task_id,
        "job_id": asked.job_id,
        "run_id": asked.run_id,
        "path": asked.path,
        "replace": asked.replace,
        "eta": _time(asked.not_before),
        "expires": _time(asked.expires),
    }


def _time(moment: Moment | None) -> str | None:
    """The time in ISO 8601; seconds count from now on this machine's clock."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.now(timezone.utc) + timedelta(seconds=moment)
    return moment.isoformat()
