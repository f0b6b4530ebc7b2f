"""What Linux says of a process and its descendants."""

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def tree(pid: int, parent: int = 0) -> Iterator[tuple[int, int]]:
    """The process and all that descend from it, each with its parent, as of now."""
    yield pid, parent
    for task in _listed(_PROC / str(pid) / "task"):
        for child in _read(_PROC / str(pid) / "task" / task / "children").split():
            yield from tree(int(child), pid)


def command(pid: int) -> str:
    return _read(_PROC / str(pid) / "cmdline")


def peak_resident(pid: int) -> int:
    """Bytes that the process had in memory at most since its program began; 0 if it is gone."""
    return _kibibytes(pid, "VmHWM:")


def resident(pid: int) -> int:
    return _kibibytes(pid, "VmRSS:")


def busy_seconds() -> float:
    """What all cores have worked since the machine began, or could not for other machines."""
    user, nice, system, _, _, irq, softirq, steal = map(int, _read(_PROC / "stat").split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _kibibytes(pid: int, field: str) -> int:
    status = _read(_PROC / str(pid) / "status").split()
    return int(status[status.index(field) + 1]) * 1024 if field in status else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _listed(path: Path) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208  names are all that is wanted
    except (FileNotFoundError, ProcessLookupError):
        return []
