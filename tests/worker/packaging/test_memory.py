import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.packaging.trees import MIB, make

#: In a process of its own, whose peak is nobody else's. Packs once before, to have all imported.
PRINT_THE_PEAK = """
import sys
from pathlib import Path
from worker.packaging.package import TreePackager

def pack(run):
    with TreePackager((Path(run).parent,)).open(run) as package:
        return max(map(len, package.chunks())), package.archive.bytes_total

def peak():
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1]) * 1024

pack(sys.argv[1])
before = peak()
largest, total = pack(sys.argv[2])
print(peak() - before, largest, total)
"""


def peak_of_packing(small: Path, run: Path) -> tuple[int, int, int]:
    """Bytes that packing took beyond what it takes for a small run, the largest piece's, all."""
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_THE_PEAK, small, run],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    peak, largest, total = map(int, printed.split())
    return peak, largest, total


@pytest.fixture(scope="module")
def small(memory: Path) -> Path:
    return make(memory / "RUN1", {"out": bytes(3 * MIB)})


def test_a_file_of_a_gib_takes_no_more_memory_than_a_small_one(memory: Path, small: Path) -> None:
    run = make(memory / "RUN2", {"hole": b""})
    os.truncate(run / "hole", 1024 * MIB)
    peak, largest, total = peak_of_packing(small, run)
    assert total == 1024 * MIB
    assert peak < 8 * MIB
    assert largest <= 2 * MIB


def test_twenty_thousand_files_take_little_memory(memory: Path, small: Path) -> None:
    run = make(memory / "RUN3", {})
    for number in range(20_000):
        (run / f"step_{number:06}.csv").write_bytes(b"0.0,1.0\n")
    peak, largest, total = peak_of_packing(small, run)
    assert total == 20_000 * len(b"0.0,1.0\n")
    assert peak < 16 * MIB
    assert largest <= 2 * MIB


def test_noise_comes_in_pieces_of_bounded_size(memory: Path, small: Path) -> None:
    run = make(memory / "RUN4", {"noise": os.urandom(32 * MIB)})
    peak, largest, _ = peak_of_packing(small, run)
    assert peak < 8 * MIB
    assert largest <= 2 * MIB
