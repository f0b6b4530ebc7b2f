"""The bootstep by which what Celery revokes is cancelled in SQL too."""

import json
import logging
import subprocess
from collections.abc import Mapping
from time import monotonic
from typing import Any

from celery import bootsteps
from celery.signals import task_revoked
from celery.worker import state

from worker.process.child_process import start_with

log = logging.getLogger(__name__)

#: Seconds between two looks at what was revoked.
LOOK_EVERY = 0.5
#: Seconds until what could not be cancelled is tried again.
PAUSE = 5.0


class RevocationStep(bootsteps.StartStopStep):
    """Have `tasks.revoked` cancel the uploads whose messages were revoked or have expired.

    It is a process: the worker's own forks, so it may hold no connection to the database.
    """

    requires = ("celery.worker.components:Timer",)

    _process: subprocess.Popen[bytes] | None = None
    _watch: Any = None

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._seen: set[str] = set()
        self._again_at = 0.0
        self._pending: dict[str, dict[str, Any]] = {}
        """What is to be cancelled, by the message's id."""
        self._given: dict[str, dict[str, Any]] = {}
        """What the running process was told to cancel."""

    def start(self, parent: Any) -> None:
        task_revoked.connect(self._note_discarded)
        self._watch = parent.timer.call_repeatedly(LOOK_EVERY, self._look)

    def stop(self, parent: Any) -> None:  # noqa: ARG002  Celery passes it
        if self._watch:
            self._watch.cancel()
            self._look()

    terminate = stop

    def _note_discarded(self, sender: Any, request: Any, expired: bool, **_: Any) -> None:
        """Keep what a discarded message asked for: it may have no row yet."""
        times = {"eta": request.eta, "expires": request.expires}
        self._pending[request.id] = _content(sender.name, request, times) | {"expired": expired}

    def _look(self) -> None:
        revoked = set(state.revoked)
        for task_id in revoked - self._seen:
            held = state.requests.get(task_id)  # for its time, or for a process
            if held and not held.worker_pid:
                self._pending[task_id] = _content(held.name, held, held.request_dict)
            self._pending.setdefault(task_id, {})
        self._seen = revoked
        if self._process and self._process.poll() is None:
            return
        if self._process and self._process.returncode:  # it tells why in the worker's log
            self._pending = self._given | self._pending
            self._again_at = monotonic() + PAUSE
        self._process = None
        if self._pending and monotonic() >= self._again_at:
            # arguments that JSON lacks become texts, and so wrong ones that leave a row
            told = json.dumps(self._pending, default=str)
            self._given, self._pending = self._pending, {}
            self._process = start_with(told.encode(), "tasks.revoked")


def _content(task: str, request: Any, times: Mapping[str, Any]) -> dict[str, Any]:
    """What a task's message asks for."""
    return {
        "task": task,
        "arguments": request.args,
        "keywords": request.kwargs,
        "eta": times.get("eta"),
        "expires": times.get("expires"),
    }
