"""Starts a command as a child process that is told to stop when its parent dies."""

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
    command: Sequence[str],
    *,
    output: IO[bytes] | int | None = None,
    keeps: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that Ctrl-C reaches only the parent.

    The child's output goes to `output`, a file or subprocess.DEVNULL, or where the parent's goes.
    On Linux the child receives SIGTERM when the parent dies, however that happens. `keeps`: file
    descriptors that it has too.
    """
    return subprocess.Popen(  # noqa: S603  the commands are ours
        [sys.executable, "-P", "-m", __name__, str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=keeps,
    )


def start_with(told: bytes, module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the module with these arguments in a process that reads `told`.

    It may outlive this one.
    """
    file = os.memfd_create(module)  # a pipe might be full, and block us
    try:
        with open(file, "r+b", closefd=False) as written:
            written.write(told)
            written.seek(0)
        return subprocess.Popen(  # noqa: S603  the modules are ours
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=file,
            start_new_session=True,
        )
    finally:
        os.close(file)


def die_with(parent: int) -> None:
    """Have the kernel send this process SIGTERM when the process `parent` dies. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the kernel was asked
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  no shell is wanted
