"""Runs a command as a child that is told to stop when its parent dies, however it dies."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

#: Linux: the signal to send when the parent dies (prctl(2)).
_PR_SET_PDEATHSIG = 1


def spawn(
    command: Sequence[str], *, output: IO[bytes] | None = None, quiet: bool = False
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own: Ctrl-C reaches only the parent, which decides.

    Its output goes to `output`, nowhere if `quiet`, and else where the parent's goes.
    """
    sink = subprocess.DEVNULL if quiet else output
    return subprocess.Popen(  # noqa: S603  the commands are ours
        [sys.executable, "-P", "-m", __name__, str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=sink,
        start_new_session=True,
    )


def die_with(parent: int) -> None:
    """Have the kernel send SIGTERM when the process `parent` is gone. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  no shell is wanted
