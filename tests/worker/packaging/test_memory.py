import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.worker.packaging.processes import printed_by
from tests.worker.packaging.trees import KIB, MIB, content, make

GIB = 1 << 30

#: Runs in a process of its own, whose memory nothing else uses.
PRINT_THE_PEAKS = """
import sys
from pathlib import Path
from tests.worker.packaging.left_behind import children
from worker.packaging.package import Packing, TreePackager

def status(process, field):
    words = Path(f"/proc/{process}/status").read_text().split()
    return int(words[words.index(field) + 1]) * 1024

run, level, helpers = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "helpers"
packager = TreePackager((run.parent,), "RUN*", Packing(threads=2, level=level, helpers=helpers))
idle = status("self", "VmRSS:")
with packager.open(str(run)) as package:
    largest = max(map(len, package.chunks()))
    of_helpers = [status(pid, "VmHWM:") for pid in children()]
    print(status("self", "VmHWM:") - idle, largest, package.archive.bytes_total, *of_helpers)
"""


@dataclass(frozen=True, slots=True)
class Peaks:
    """In bytes."""

    beyond_idle: int
    """What packing took beyond what the process had before."""
    largest_chunk: int
    bytes_total: int
    helpers: tuple[int, ...]
    """All that each of them took."""


def peaks_of_packing(run: Path, *, level: int = 1, helpers: bool = False) -> Peaks:
    how = "helpers" if helpers else "threads"
    printed = printed_by(PRINT_THE_PEAKS, run, str(level), how)
    beyond_idle, largest, total, *of_helpers = map(int, printed.split())
    return Peaks(beyond_idle, largest, total, tuple(of_helpers))


def require_little(peaks: Peaks, *, of_a_helper: int = 16 * MIB) -> None:
    assert peaks.beyond_idle < 32 * MIB
    assert peaks.largest_chunk <= 2 * MIB
    assert all(peak < of_a_helper for peak in peaks.helpers), peaks.helpers


@pytest.mark.parametrize("level", [0, 1, 3])
@pytest.mark.parametrize("kind", ["series", "random"])
def test_a_gib_takes_little_memory(run_in_memory: Path, kind: str, level: int) -> None:
    make(run_in_memory, {})
    with (run_in_memory / "out").open("wb") as file:
        for _ in range(256):
            file.write(content(kind, 4 * MIB))
    peaks = peaks_of_packing(run_in_memory, level=level)
    assert peaks.bytes_total == GIB
    require_little(peaks)


def test_a_hole_of_8_gib_takes_little_memory(run_in_memory: Path) -> None:
    make(run_in_memory, {"hole": b""})
    os.truncate(run_in_memory / "hole", 8 * GIB)
    peaks = peaks_of_packing(run_in_memory)
    assert peaks.bytes_total == 8 * GIB
    require_little(peaks)


@pytest.mark.parametrize("helpers", [False, True])
@pytest.mark.parametrize("kind", ["series", "random"])
def test_twenty_thousand_files_take_little_memory(
    run_in_memory: Path, kind: str, helpers: bool
) -> None:
    data = content(kind, MIB)
    files = {f"step_{number:06}.csv": data[number : number + 2 * KIB] for number in range(20_000)}
    make(run_in_memory, files)
    peaks = peaks_of_packing(run_in_memory, helpers=helpers)
    assert peaks.bytes_total == 20_000 * 2 * KIB
    assert len(peaks.helpers) == (2 if helpers else 0)
    require_little(peaks)


@pytest.mark.parametrize("helpers", [False, True])
def test_files_that_fill_a_batch_to_the_brim_take_little_memory(
    run_in_memory: Path, helpers: bool
) -> None:
    sizes = [*[500 * KIB // 16] * 16, 11 * KIB, MIB]
    files = {f"{name:02}": content("random", size) for name, size in enumerate(sizes)}
    make(run_in_memory, {f"{number:03}": files for number in range(100)})
    require_little(peaks_of_packing(run_in_memory, helpers=helpers), of_a_helper=24 * MIB)
