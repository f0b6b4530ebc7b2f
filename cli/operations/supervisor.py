"""Runs a worker, and the embedded broker where none is configured, and restarts both."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import IO, TYPE_CHECKING

from cli.operations.pages import MAX_FAILED_STARTS, STARTS_WITHIN, Page
from worker.errors import WorkerFails
from worker.process.child_process import spawn

if TYPE_CHECKING:
    from worker.settings import Settings

#: Seconds between two checks of the children.
LOOK_EVERY = 0.2
#: Seconds before a dead worker is restarted: doubles with each early death, up to the second.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: Seconds for a worker to hand its uploads back.
LAST_PAUSE = 15.0
#: Seconds after which a death is no longer early.
STABLE_AFTER = 60.0


class Supervisor:
    """Reports events to `say`. The worker's output goes to `output`, as `spawn` takes it.

    InvalidSettings or StorageRefused if the settings do not suffice; `run` looks at what they name.
    """

    def __init__(
        self,
        settings: "Settings",
        say: Callable[[str], None],
        *,
        worker_options: Sequence[str] = (),
        output: IO[bytes] | int | None = None,
        on_ready: Callable[[], None] = lambda: None,
        pages: Sequence[Page] = (),
    ) -> None:
        """`on_ready` is called once, after the first worker was started; `pages` run beside it."""
        from worker.bootstrap.preflight import require_worker_settings
        from worker.bootstrap.urls import embedded_broker

        require_worker_settings(settings)
        self._settings = settings
        self._say = say
        self._output = output
        self._on_ready = on_ready
        self._pages = pages
        self._command = [
            *(sys.executable, "-P", "-m", "tasks.worker", "--quiet"),
            *worker_options,
        ]
        self._broker = None if settings.broker_url else embedded_broker(settings)
        self._worker: subprocess.Popen[bytes] | None = None
        self._pause = FIRST_PAUSE
        self._started_at = 0.0
        self._failed_starts = 0

    @property
    def is_up(self) -> bool:
        """Whether the schema is up to date and a worker has been started."""
        return self._worker is not None

    def run(self, stop: threading.Event, hurry: threading.Event) -> None:
        """Run until `stop`, then let the worker finish or hand back its uploads.

        With `hurry`, the worker hands them back at once. Raises WorkerFails if none can start.
        """
        from worker.bootstrap.doctor import require_surroundings
        from worker.bootstrap.services import Services

        try:
            if self._broker:
                self._broker.start()
                self._say("The embedded broker is up.")
            Services(self._settings).upgrade_schema()
            require_surroundings(self._settings)
            self._start_worker()
            self._on_ready()
            while not stop.wait(LOOK_EVERY):
                self._restart_broker()
                self._restart_worker(stop)
                for page in self._pages:
                    page.ensure_running(self._say)
        finally:
            for page in self._pages:
                page.stop()
            self._stop_worker(hurry)
            if self._broker:
                self._broker.stop()

    def _start_worker(self) -> None:
        self._worker = spawn(self._command, output=self._output)
        self._started_at = monotonic()
        self._say("A worker is up.")

    def _restart_worker(self, stop: threading.Event) -> None:
        if self._worker is None or self._worker.poll() is None:
            return
        lived = monotonic() - self._started_at
        if lived > STABLE_AFTER:
            self._pause = FIRST_PAUSE
        has_failed = self._worker.returncode > 0 and lived < STARTS_WITHIN  # else it was killed
        self._failed_starts = self._failed_starts + 1 if has_failed else 0
        if self._failed_starts == MAX_FAILED_STARTS:
            raise WorkerFails(
                f"the worker ended with {self._worker.returncode} right after its start,"
                f" {MAX_FAILED_STARTS} times; its own lines above tell why"
            )
        self._say(
            f"The worker died with {self._worker.returncode}; "
            f"it is started again in {self._pause:g} s."
        )
        if not stop.wait(self._pause):
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._start_worker()

    def _restart_broker(self) -> None:
        if self._broker and not self._broker.is_running:
            self._say("The embedded broker died; it is started again.")
            self._broker.start()

    def _stop_worker(self, hurry: threading.Event) -> None:
        if self._worker is None or self._worker.poll() is not None:
            return
        self._worker.send_signal(signal.SIGTERM)
        while self._worker.poll() is None:
            if hurry.wait(LOOK_EVERY):
                self._worker.send_signal(signal.SIGTERM)  # the second one: hand back at once
                break
        try:
            self._worker.wait(LAST_PAUSE)
        except subprocess.TimeoutExpired:
            self._worker.send_signal(signal.SIGQUIT)
            self._worker.wait()
