"""Names a process so that others on its machine can tell whether it still runs.

A process id alone comes again, after a while or in another container; together with the boot, the
namespace that counts it and the time at which it started it is one process and no other.
"""

import os
import socket
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
#: Of /proc/{pid}/stat, counted behind the command's closing bracket: proc(5).
_STATE, _STARTED = 0, 19
#: It has ended, and its parent has not asked how yet.
_ENDED = ("Z", "X")


def this_process() -> str:
    """`host:pid@machine.started`; without what follows the @ where there is no /proc."""
    pid = os.getpid()
    name = f"{socket.gethostname()}:{pid}"
    found = _status(pid)
    return f"{name}@{this_machine()}.{found[_STARTED]}" if found and this_machine() else name


@cache
def this_machine() -> str:
    """The boot of the machine and the namespace of process ids; empty where nothing tells."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}.{os.stat(_PROC / 'self/ns/pid').st_ino}"  # noqa: PTH116  a link's target
    except OSError:
        return ""


def has_ended(process: str) -> bool:
    """Whether it ran on this machine, and is no more. False if that can't be told."""
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
