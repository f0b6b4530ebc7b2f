from pathlib import Path

import pytest

from worker.bootstrap import upload_services as bootstrap
from worker.bootstrap.services import Services
from worker.bootstrap.upload_services import MIB
from worker.bootstrap.urls import broker_url
from worker.errors import FileUnusable, InvalidSettings
from worker.packaging.package import Packing
from worker.packaging.zip.deflate import FAST, SMALL, STORE
from worker.process.worker_pool import WorkerPool
from worker.settings import Settings

ROOTS = (Path("/results"),)


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "processors", lambda: 16)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")


def packing(processes: int = 1, **settings: object) -> Packing:
    made = Services(Settings(results_roots=ROOTS, **settings), WorkerPool(processes))  # type: ignore[arg-type]
    return made.packager.packing


@pytest.mark.parametrize(("processes", "threads"), [(1, 16), (4, 4), (5, 4), (16, 2), (64, 2)])
def test_a_process_packs_with_its_share_of_the_processors_and_two_threads_at_least(
    processes: int, threads: int
) -> None:
    assert packing(processes).threads == threads


def test_one_processor_gets_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "processors", lambda: 1)
    assert packing(4).threads == 1


def test_threads_are_as_set() -> None:
    assert packing(4, threads=7).threads == 7


@pytest.mark.parametrize(("name", "level"), [("store", STORE), ("fast", FAST), ("small", SMALL)])
def test_levels_have_names(name: str, level: int) -> None:
    assert packing(level=name).level == level


def test_sending_is_as_set_and_bandwidth_is_shared() -> None:
    settings = Settings(
        results_roots=ROOTS,
        s3_bucket="b",
        connections=3,
        part_size_mib=16,
        memory_mib=200,
        bandwidth_mib=100,
    )
    sending = Services(settings, WorkerPool(4)).results._sending
    assert (sending.connections, sending.part_size, sending.memory) == (3, 16 * MIB, 200 * MIB)
    assert sending.bandwidth is not None
    assert sending.bandwidth._rate == 25 * MIB


def test_a_data_directory_that_can_not_be_made_is_one_line_that_names_its_setting(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    settings = Settings(data_dir=tmp_path / "file")
    with pytest.raises(FileUnusable, match=r"^ONEPREFIX_DATA_DIR: creating .*: File exists$"):
        _ = Services(settings).engine
    with pytest.raises(InvalidSettings, match="there is no broker"):
        broker_url(settings)
