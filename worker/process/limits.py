"""The limits that the system sets this process, and how often the kernel enforced one."""

import errno
from pathlib import Path

from worker.process.processors import groups

_MIB = 1 << 20
#: How Python tells of a thread that the system refuses: a RuntimeError, without a number.
_NO_THREAD = "can't start new thread"


def limit_met(error: BaseException | None) -> str | None:
    """Describe the limits of this process, as in `a memory limit of 512 MiB (RLIMIT_AS)`.

    None unless the error, or what caused it, is the system's refusal of memory or of a process.
    """
    while error is not None:
        if _is_refusal(error):
            told = _of_memory()
            if not isinstance(error, MemoryError):  # a new thread or process takes memory too
                told += _of_processes()
            return ", ".join(told) or "the machine's own, since none is set"
        error = error.__cause__
    return None


def _is_refusal(error: BaseException) -> bool:
    match error:
        case MemoryError():
            return True
        case RuntimeError():
            return _NO_THREAD in str(error)
        case OSError():
            return error.errno in (errno.ENOMEM, errno.EAGAIN)
    return False


def oom_kills() -> int:
    """Return how many processes of this cgroup the kernel has killed for want of memory."""
    for group in groups():
        try:
            lines = (group / "memory.events").read_text().splitlines()
        except OSError:
            continue
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return 0


def _of_memory() -> list[str]:
    in_groups = (_number(group / "memory.max") for group in groups())
    told = [(_resource("RLIMIT_AS"), "RLIMIT_AS")]
    told += [(each, "memory.max of its cgroup") for each in in_groups]
    return [f"a memory limit of {size // _MIB} MiB ({name})" for size, name in told if size]


def _of_processes() -> list[str]:
    in_groups = (_number(group / "pids.max") for group in groups())
    told = [(_resource("RLIMIT_NPROC"), "RLIMIT_NPROC")]
    told += [(each, "pids.max of its cgroup") for each in in_groups]
    return [f"{count} processes and threads ({name})" for count, name in told if count]


def _resource(name: str) -> int | None:
    import resource  # noqa: PLC0415  not on every platform

    limit = resource.getrlimit(getattr(resource, name))[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None
