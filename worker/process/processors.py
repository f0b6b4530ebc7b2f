"""How many of the machine's processors this process may use."""

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def processors() -> int:
    """Return the least of the CPU affinity and the CPU quotas of this process' cgroups."""
    return max(1, min([_affinity(), *_quotas()]))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas() -> list[int]:
    """Return the whole processors, rounded up, of each of our cgroups."""
    return [quota for each in groups() if (quota := _quota(each / "cpu.max"))]


def groups() -> list[Path]:
    """Return the directories of this process's cgroups (version 2), from its own up."""
    ours = _our_group()
    if ours is None:
        return []
    group = _CGROUPS / ours.lstrip("/")
    return [each for each in (group, *group.parents) if each.is_relative_to(_CGROUPS)]


def _our_group() -> str | None:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    return next((line[3:] for line in lines if line.startswith("0::")), None)


def _quota(file: Path) -> int | None:
    try:
        quota, period = file.read_text().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return None
