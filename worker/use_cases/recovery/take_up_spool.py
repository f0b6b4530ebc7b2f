"""Write the rows of requests that programs left in files while the database was away.

`oneprefix.spool`, of the producers' client, writes such a file. A worker of the same host takes it
up, or of another one that mounts the directory.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from worker.errors import DatabaseRefused, InvalidRequest
from worker.file_errors import translated_file_errors
from worker.models.upload_request import UploadMessage
from worker.use_cases.requests.ports import RequestRepository
from worker.use_cases.requests.read_message import ReadMessage

log = logging.getLogger("oneprefix.recovery")

#: Files that are taken up in one round.
FILES_PER_ROUND = 100


@dataclass(frozen=True, slots=True)
class TakeUpSpool:
    directory: Path
    read_message: ReadMessage
    requests: RequestRepository
    _unusable: set[Path] = field(default_factory=set, init=False)
    """Files that could not be read or removed, and were told."""

    def __call__(self) -> int:
        """Take up files, the oldest first; return how many.

        A file is removed once each of its requests has its row, or a FAILED row with the reason. A
        worker that dies before leaves the file to the next one; the rows know its requests by
        their ids. A file that is none of the client's is kept under the suffix `.rejected`.
        """
        with translated_file_errors(f"ONEPREFIX_SPOOL: reading {self.directory}"):
            files = [each for each in self.directory.iterdir() if each.suffix == ".json"]
        taken = 0
        for path in islice(sorted(files, key=self._order), FILES_PER_ROUND):
            try:
                self._take_up(path)
                taken += 1
            except FileNotFoundError:
                pass  # another worker of this host was first
            except OSError as error:
                if path not in self._unusable:
                    log.warning("ONEPREFIX_SPOOL: %s: %s", path, error.strerror or error)
                self._unusable.add(path)
        return taken

    def _order(self, path: Path) -> tuple[bool, float, str]:
        """The oldest first, and last what was of no use before: it keeps no other file waiting."""
        return path in self._unusable, *_age(path)

    def _take_up(self, path: Path) -> None:
        try:
            messages = list(_messages(_content(path)))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            path.rename(path.with_suffix(".rejected"))
            log.warning("%s is no file of requests, and is put aside: %s", path, error)
            return
        for message in messages:
            try:
                self.requests.request(self.read_message(message), published=False)
            except (InvalidRequest, DatabaseRefused) as error:
                log.warning("a request in %s asks for nothing: %s", path, error)
        path.unlink(missing_ok=True)
        log.info("%d requests of %s are taken up", len(messages), path)


def _content(path: Path) -> bytes:
    if path.is_fifo() or path.is_char_device():  # reading one may never end
        raise OSError("is no file")
    return path.read_bytes()


def _messages(content: bytes) -> Iterable[UploadMessage]:
    """The requests in a file's JSON; raises ValueError, TypeError, KeyError, RecursionError."""
    told = json.loads(content)
    for each in told["requests"]:
        yield UploadMessage.of(
            _task_id(each["task_id"]),
            (each.get("job_id"), each.get("run_id"), each.get("path"), each.get("replace", False)),
            {},
            eta=each.get("eta"),
            expires=each.get("expires"),
        )


def _task_id(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"task_id is {value!r:.100}")
    value.encode()  # UnicodeEncodeError, of which no database takes the text
    return value


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except OSError:
        return 0.0, path.name
