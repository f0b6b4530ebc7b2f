"""Installations to be broken. ONEPREFIX_CHAOS=long makes every scenario longer."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.chaos.figures import record_to
from tests.end_to_end.cluster import AS_SHIPPED, Cluster, cluster
from tests.end_to_end.conftest import database_url, upstream
from tests.servers.strict_bucket import Strict

__all__ = ["database_url", "upstream"]

LONG = os.environ.get("ONEPREFIX_CHAOS") == "long"
#: Told with every scenario; ONEPREFIX_CHAOS_SEED repeats one.
SEED = int(os.environ.get("ONEPREFIX_CHAOS_SEED", "0")) or Random().randrange(1, 10**6)


def pytest_report_header() -> str:
    return f"chaos: {'long' if LONG else 'short'}, ONEPREFIX_CHAOS_SEED={SEED}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.thorough("breaks a whole installation, and waits for it"))


@pytest.fixture
def dice() -> Random:
    print(f"ONEPREFIX_CHAOS_SEED={SEED}")  # noqa: T201  to repeat a failure
    return Random(SEED)


@pytest.fixture
def running(tmp_path: Path, strict: Strict, database_url: str) -> Iterator[Cluster]:
    with cluster(tmp_path, strict, database_url, timing=AS_SHIPPED) as started:
        yield started
    shutil.rmtree(tmp_path, ignore_errors=True)


def pytest_sessionfinish() -> None:
    record_to(os.environ.get("ONEPREFIX_CHAOS_REPORT"), SEED)
