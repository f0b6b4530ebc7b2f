"""Forks this process, whose memory the fork shares: half a worker's is its imports."""

import ctypes
import gc
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

#: Of /proc/self/stat, counted behind the command's closing bracket: proc(5).
_ARG_START, _ARG_END = 45, 46
#: Seconds between two looks at whether a fork has ended.
LOOK_EVERY = 0.02


class Fork:
    """A fork of this process, as `subprocess.Popen` tells of a child."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Run the module as `python -m` does, in a session of its own.

        Call it while this process has one thread, and nothing open that the fork must not have.
        """
        keep_shared()
        _flush()  # or the fork would write what this process has buffered, too
        self.pid = os.fork()
        self.returncode: int | None = None
        if not self.pid:
            _run([module, *arguments])

    def poll(self) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(LOOK_EVERY)
        return code

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def keep_shared() -> None:
    """Have the garbage collector leave alone what there is, so that forks share its memory."""
    gc.collect()
    gc.freeze()


def _run(command: list[str]) -> None:
    """Run the module, and end the process without anything that the parent would do at its end."""
    code = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        _rename(" ".join(command))
        sys.argv = command
        runpy.run_module(command[0], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  nobody is above
        sys.excepthook(*sys.exc_info())
    finally:
        _flush()
        os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _rename(title: str) -> None:
    """Write the title over the command line that /proc shows, as far as there is room for it."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return
    start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
    shown = title.encode()[: end - start - 1]
    ctypes.memmove(start, shown.ljust(end - start, b"\0"), end - start)
