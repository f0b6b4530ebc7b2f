"""What a worker needs of its machine: readable results roots and a fast ISA-L."""

import os
from functools import partial
from importlib.metadata import version
from pathlib import Path

from isal import isal_zlib

from worker.doctor.finding import Check, Diagnosis, ok, warning
from worker.process.threads import Results, Threads

AREA, ROOTS = "packing", "results"
#: Seconds after which a file system that does not answer counts as hanging.
PATIENCE = 5


def machine_checks(roots: tuple[Path, ...]) -> list[Check]:
    remedy = "mount it, or let the worker's user read it, or correct ONEPREFIX_RESULTS_ROOTS"
    readable = [Check(ROOTS, str(root), partial(readable_root, root), remedy) for root in roots]
    return [*readable, Check(AREA, "isal", fast_isal, "pip install 'isal>=1.9,<1.10'")]


def readable_root(root: Path) -> Diagnosis:
    # in a thread, since a dead mount never answers
    waited = iter(range(PATIENCE))

    def give_up() -> None:
        if next(waited, None) is None:
            raise TimeoutError(f"no answer within {PATIENCE} s: does its mount hang?")

    results: Results[bool] = Results()
    thread = Threads(1, "root")
    thread.submit(partial(_is_empty, root), results)
    is_empty = results.take(meanwhile=give_up)
    thread.close()
    return ok("empty" if is_empty else "readable")


def _is_empty(root: Path) -> bool:
    with os.scandir(root) as entries:
        return next(entries, None) is None


def fast_isal() -> Diagnosis:
    if hasattr(isal_zlib, "_ParallelCompress"):
        return ok(f"{version('isal')}, with its call for whole blocks")
    return warning(
        f"{version('isal')}, without its call for whole blocks: packing is slower",
        "pip install 'isal>=1.9,<1.10'",
    )
