"""Where results lie after they were moved or deleted, on each kind of database."""

from sqlalchemy import Engine

from tests.worker.database.landed import URL, claim, land, row
from worker.database.jobs import SqlRunRepository
from worker.database.result_locations import SqlResultLocations
from worker.database.uploads.attempts import SqlUploadRepository
from worker.models.retention import Relocation
from worker.models.upload import Upload, UploadState

NEW = "https://cold.s3.amazonaws.com/k"


def url_of(engine: Engine, run_id: int) -> str | None:
    return SqlRunRepository(engine).get(run_id).results_url


def move(upload: Upload, to: str | None = NEW) -> Relocation:
    return Relocation(12, upload.run_id, upload.fence, frozenset({URL}), to, "moved")


def test_run_and_row_are_told_together(engine: Engine, landed: Upload) -> None:
    assert SqlResultLocations(engine).relocate([move(landed)]) == 2
    assert (url_of(engine, 4), row(engine, 4).results_url, row(engine, 4).error) == (
        NEW,
        NEW,
        "moved",
    )
    assert row(engine, 4).state is UploadState.LANDED
    assert SqlResultLocations(engine).relocate([move(landed)]) == 0  # it lies elsewhere by now


def test_a_run_without_a_row_is_told_alone(engine: Engine, landed: Upload) -> None:
    moves = [Relocation(12, 5, None, frozenset({URL}), None, "gone")]
    assert SqlResultLocations(engine).relocate(moves) == 0
    assert url_of(engine, 4) == URL


def test_what_has_landed_anew_meanwhile_keeps_its_location(engine: Engine, landed: Upload) -> None:
    land(engine, 4, replace=True)
    assert SqlResultLocations(engine).relocate([move(landed, to=None)]) == 0
    assert (url_of(engine, 4), row(engine, 4).results_url) == (URL, URL)


def test_a_failed_replacement_keeps_its_reason_and_tells_that_the_results_are_gone(
    engine: Engine, landed: Upload
) -> None:
    again = claim(engine, 4, replace=True)
    SqlUploadRepository(engine).fail(again, error="a disk is full", traceback="")
    assert SqlResultLocations(engine).relocate([move(row(engine, 4), to=None)]) == 2
    failed = row(engine, 4)
    assert (failed.results_url, failed.error) == (None, "a disk is full; moved")
    assert url_of(engine, 4) is None
