import gc
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.worker.packaging.faults import open_below

EVERYWHERE = Path("/")


@pytest.fixture(autouse=True)
def _every_descriptor_is_closed() -> Iterator[None]:
    before = open_below(EVERYWHERE)
    yield
    if not open_below(EVERYWHERE) <= before:
        gc.collect()  # errors that refer to themselves, and what their frames hold
    assert open_below(EVERYWHERE) <= before


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A results root."""
    root = tmp_path / "results"
    root.mkdir()
    return root


@pytest.fixture
def run(root: Path) -> Path:
    """Where a run's directory may be made."""
    return root / "RUN4"


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A directory in memory, if there is such a place: fast, and its holes are read at once."""
    shared = Path("/dev/shm")
    place = shared if shared.is_dir() and os.access(shared, os.W_OK) else None
    with TemporaryDirectory(prefix="results-", dir=place) as directory:
        yield Path(directory)


@pytest.fixture
def run_in_memory(memory: Path) -> Path:
    """Where a run's directory may be made, again and again."""
    return memory / "RUN4"
