import pytest
from rich.console import Console  # noqa: TID251  of a width that no pipe has
from sqlalchemy import text

from cli.uploads.status import Look
from tests.cli.command import Command
from worker.database.engine import make_engine
from worker.database.uploads.upload_list import IncompleteUploadCounts
from worker.models.upload import Upload, UploadState


def test_the_database_is_made_and_its_uploads_are_shown(oneprefix: Command) -> None:
    assert oneprefix("status").code == 1
    assert "oneprefix db upgrade" in oneprefix("status").err
    assert oneprefix("db", "upgrade", "--json").json == {"upgraded": True}
    assert oneprefix("db", "upgrade").out == "The database is up to date.\n"
    assert oneprefix("status").out == "No uploads.\n"
    assert oneprefix("status", "--json").json == {
        "counts": {},
        "uploads": [],
        "open_multipart_uploads": {"held": 0, "waiting": 0},
        "refused": [],
    }

    engine = make_engine(f"sqlite:///{oneprefix.directory}/data/oneprefix.db")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO uploads (job_id, run_id, path, state, error) VALUES"
                " (12, 4, '/r/RUN4', 'FAILED', 'job 12, run 4: [red]no such job'),"
                " (13, 1, '/r/RUN1', 'REQUESTED', NULL),"
                " (NULL, 4, '/r', 'FAILED', 'job ''x'', run 4: no id')"
            )
        )
    engine.dispose()
    shown = oneprefix("status").out
    assert "FAILED" in shown
    assert "job 12, run 4: [red]no such job" in shown
    assert "refused: job 'x', run 4: no id" in shown
    assert "1 REQUESTED, 1 FAILED" in shown
    assert "1 more with --limit" in oneprefix("status", "--limit", "1").out
    listed = oneprefix("status", "12", "--json").json
    assert [upload["run_id"] for upload in listed["uploads"]] == [4]
    assert listed["uploads"][0]["state"] == "FAILED"
    assert listed["refused"] == []
    unknown = oneprefix("status", "14")
    assert (unknown.code, unknown.err) == (1, "oneprefix: job 14: there is no such job\n")


@pytest.mark.parametrize("height", [5, 24])
def test_what_is_watched_fits_its_screen_with_the_totals_first(height: int) -> None:
    uploads = [
        Upload(12, run, "/r", UploadState.FAILED, error=f"job 12, run {run}: {'why ' * 99}")
        for run in range(1, 101)
    ]
    look = Look(uploads, {UploadState.FAILED: 10_000}, 0, [], IncompleteUploadCounts(0, 3))
    shown = Console(width=80, height=height)
    with shown.capture() as captured:
        shown.print(look.on_a_screen(height))
    lines = captured.get().splitlines()
    assert len(lines) <= height
    assert lines[:2] == ["10,000 FAILED", "3 interrupted uploads will resume"][: len(lines)]
    assert all(len(line) <= 80 for line in lines)
    assert f"job 12, run {height - 4}: why" in captured.get()
    assert "FAILED  -" in captured.get()
