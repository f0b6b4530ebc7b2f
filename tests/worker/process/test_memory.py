from tests.worker.packaging.processes import printed_by

#: Page faults of filling and freeing 40 MiB for the second time, and the MiB that stay after it.
FAULTS_AND_SIZE = """
import resource, sys
from pathlib import Path
from worker.process.memory import return_freed_memory, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20

def use():
    for piece in [b"1" * (1 << 20) for _ in range(40)]:
        del piece

if "keep" in sys.argv:
    keep_freed_memory()
at_first = resident()
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
if "give" in sys.argv:
    return_freed_memory()
print(faults, resident() - at_first)
"""


def faults_and_size(*what: str) -> tuple[int, int]:
    faults, size = map(int, printed_by(FAULTS_AND_SIZE, *what).split())
    return faults, size


def test_memory_that_is_kept_is_not_asked_for_again() -> None:
    faults, size = faults_and_size("keep")
    assert faults < 1000
    assert size > 30
    assert faults_and_size()[0] > 5000  # as glibc does it by itself


def test_memory_that_was_kept_is_given_back_at_the_end() -> None:
    faults, size = faults_and_size("keep", "give")
    assert faults < 1000
    assert size < 5
