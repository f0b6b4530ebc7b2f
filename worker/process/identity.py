"""Names a process so that other processes of its machine can tell whether it still runs.

A process id alone is reused, after a while or in another container. Together with the machine's
boot, the namespace of process ids and the time at which the process started, it is unique.
"""

import os
import socket
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
#: Fields of /proc/{pid}/stat, counted behind the command's closing bracket: proc(5).
_STATE, _STARTED = 0, 19
#: States of a process that has ended and whose parent has not waited for it yet.
_ENDED = ("Z", "X")


def this_process() -> str:
    """Return `host:pid@machine.started`, or `host:pid` where there is no /proc."""
    pid = os.getpid()
    name = f"{socket.gethostname()}:{pid}"
    found = _status(pid)
    return f"{name}@{this_machine()}.{found[_STARTED]}" if found and this_machine() else name


@cache
def this_machine() -> str:
    """Return `boot.namespace`, which differs per boot and container; empty without /proc."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}.{os.stat(_PROC / 'self/ns/pid').st_ino}"  # noqa: PTH116  a link's target
    except OSError:
        return ""


def has_ended(process: str) -> bool:
    """Return whether the process ran on this machine and has ended; False if nobody can tell."""
    name, _, identity = process.partition("@")
    machine, _, started = identity.rpartition(".")
    pid = name.rpartition(":")[2]
    if not machine or machine != this_machine() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)  # /proc may hide others' processes
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    found = _status(int(pid))
    return found is not None and (found[_STARTED] != started or found[_STATE] in _ENDED)


def _status(pid: int) -> list[str] | None:
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
