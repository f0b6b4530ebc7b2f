"""Waits until an upload is over, and says meanwhile how far it is and what holds it up."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from rich.progress import BarColumn, TextColumn

from cli.output import print_error
from cli.progress import progress_bar
from worker.errors import OneprefixError
from worker.models import pace
from worker.models.upload import Upload, UploadState
from worker.wording import human_size

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import SqlUploadList

#: Seconds between two reads of the row.
LOOK_EVERY = 0.3
#: Seconds for which an upload is due, and not begun, before the workers are asked for.
WAITS_LONG = 5.0


def wait_for(upload: Upload, listed: "SqlUploadList", timeout: float | None) -> Upload:
    """Return the upload once it is over, or after `timeout` seconds as it is then."""
    until = inf if timeout is None else monotonic() + timeout
    watched = Watched(upload)
    told = TextColumn("run {task.fields[run]} {task.fields[told]}")
    with progress_bar(told, BarColumn()) as progress:
        bar = progress.add_task("", total=None, run=upload.run_id, told=upload.state)
        while not watched.upload.state.is_over:
            if monotonic() > until:
                break
            time.sleep(LOOK_EVERY)
            watched.look(listed.find(upload.job_id, upload.run_id) or watched.upload)
            progress.update(
                bar,
                total=watched.upload.bytes_total,
                completed=watched.bytes_by_now,
                told=watched.told,
            )
    return watched.upload


class Watched:
    """An upload as its row was last read, and what has been said about it."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self._written_at = monotonic()
        self._due_since = monotonic()
        self._said: set[object] = set()

    def look(self, upload: Upload) -> None:
        """Take the row as it is now, and say once what has happened on standard error."""
        if upload.updated_at != self.upload.updated_at:
            self._written_at = self._due_since = monotonic()
        self.upload = upload
        if upload.state is UploadState.RETRYING:
            self._say_once((upload.fence, upload.error), self._why_it_waits())
        elif upload.state is UploadState.REQUESTED and upload.next_attempt_at:
            self._say_once(upload.fence, f"{upload.title}: begins at {_clock(upload)}")
        if self._is_due() and monotonic() - self._due_since > WAITS_LONG:
            self._say_if_nobody_is_there()

    @property
    def bytes_by_now(self) -> int:
        return pace.bytes_by_now(self.upload, monotonic() - self._written_at)

    @property
    def told(self) -> str:
        """The state; with how much was sent, how fast, and for how long it will go on."""
        if self.upload.bytes_total is None:
            return str(self.upload.state)
        sizes = f"{human_size(self.bytes_by_now)} of {human_size(self.upload.bytes_total)}"
        return ", ".join([f"{self.upload.state} {sizes}", *speed(self.upload)])

    def _is_due(self) -> bool:
        begins = self.upload.next_attempt_at
        waits = self.upload.state in (UploadState.REQUESTED, UploadState.RETRYING)
        return waits and (begins is None or begins <= datetime.now(UTC))

    def _why_it_waits(self) -> str:
        again = f"; tried again at {_clock(self.upload)}" if self.upload.next_attempt_at else ""
        return f"{self.upload.error or self.upload.title}{again}"

    def _say_if_nobody_is_there(self) -> None:
        self._due_since = monotonic()
        with suppress(OneprefixError):
            if not _workers_answer():
                told = f"{self.upload.title}: waits for a worker, and none answers: `oneprefix up`"
                self._say_once("nobody", told)

    def _say_once(self, what: object, line: str) -> None:
        if what not in self._said:
            self._said.add(what)
            print_error(line)


def speed(upload: Upload) -> list[str]:
    """Return the rate and the time left, as far as anybody can tell."""
    rate, left = pace.rate(upload), pace.seconds_left(upload)
    if rate is None or left is None:
        return []
    return [f"{human_size(int(rate))}/s", f"{_duration(left)} left"]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _clock(upload: Upload) -> str:
    return f"{upload.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"


def _workers_answer() -> bool:
    from tasks.app import app
    from tasks.messaging.live_workers import live_workers

    return bool(live_workers(app))
