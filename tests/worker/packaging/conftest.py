import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.worker.packaging.left_behind import nothing_left_behind


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    with nothing_left_behind():
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A results root."""
    root = tmp_path / "results"
    root.mkdir()
    return root


@pytest.fixture
def run(root: Path) -> Path:
    """The path of a run's directory, which the test makes."""
    return root / "RUN4"


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A directory in memory, where the machine has one: fast, also for files with holes."""
    shared = Path("/dev/shm")
    place = shared if shared.is_dir() and os.access(shared, os.W_OK) else None
    with TemporaryDirectory(prefix="results-", dir=place) as directory:
        yield Path(directory)


@pytest.fixture
def run_in_memory(memory: Path) -> Iterator[Path]:
    """The path of a run's directory in memory, which is removed behind each test."""
    yield memory / "RUN4"
    shutil.rmtree(memory / "RUN4")
