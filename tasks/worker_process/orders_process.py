"""The process beside a worker that carries orders out while there are any."""

import os
import subprocess
import sys


class OrdersProcess:
    """`tasks.orders`, started on demand: bulk work must take no process from uploads."""

    _process: subprocess.Popen[bytes] | None = None

    def ensure_running(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603  the command is ours
                [sys.executable, "-P", "-m", "tasks.orders", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Have it hand back what it has not finished."""
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=10)
