"""Directories that are still written to when their upload is asked for."""

import threading
import time
from zipfile import ZipFile

import pytest

from tests.end_to_end.cluster import Cluster, eventually
from worker.models.upload import Upload, UploadState


def waits(running: Cluster) -> Upload | None:
    row = running.row(12, 4)
    return row if row and row.state is UploadState.RETRYING and row.error else None


def test_a_directory_lands_once_nothing_has_changed_for_the_time(running: Cluster) -> None:
    run = running.results / "RUN4"
    run.mkdir()
    over = threading.Event()

    def write() -> None:
        for number in range(20):
            with (run / "out.csv").open("a") as file:
                file.write(f"{number}\n")
            time.sleep(0.4)
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    running.start_worker(ONEPREFIX_SETTLE_SECONDS="2")
    running.send(12, 4, str(run))
    waiting = eventually(lambda: waits(running), "it waits")
    assert "waits until nothing has changed in its directory for 2 s" in waiting.error
    assert waiting.attempt == 0
    landed = running.wait_for(12, 4)
    assert over.is_set()
    writer.join()
    assert landed.attempt == 1
    with running.strict.upstream.get_object(
        Bucket=running.strict.bucket, Key="jobs/12/2025/10/23/211500/run_4_results.zip"
    )["Body"] as body:
        (running.directory / "4.zip").write_bytes(body.read())
    with ZipFile(running.directory / "4.zip") as archive:
        assert archive.read("RUN4/out.csv") == (run / "out.csv").read_bytes()


@pytest.mark.thorough("waits for a second look")
def test_a_directory_lands_once_its_marker_is_there(running: Cluster) -> None:
    run = running.results / "RUN4"
    run.mkdir()
    (run / "out.csv").write_text("1\n")
    running.start_worker(ONEPREFIX_COMPLETE_MARKER="DONE")
    running.send(12, 4, str(run))
    waiting = eventually(lambda: waits(running), "it waits")
    assert "waits for the file 'DONE' in 'RUN4'" in waiting.error
    (run / "DONE").touch()
    assert running.wait_for(12, 4).attempt == 1
