import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.cli.command import ONEPREFIX
from tests.end_to_end.cluster import Cluster, eventually
from worker.models.upload import UploadState

#: name -> (job id, run id, path) for a results root, and what the reason must say.
Case = tuple[Callable[[Path], tuple[Any, Any, Any]], str]

WITH_A_ROW_OF_ITS_OWN: dict[str, Case] = {
    "unknown job": (lambda root: (999, 4, str(root / "RUN4")), "there is no such job"),
    "unknown run": (lambda root: (12, 999, str(root / "RUN4")), "there is no such run"),
    "run of another job": (lambda root: (13, 4, str(root / "RUN4")), "belongs to job 12"),
    "missing path": (lambda root: (12, 5, str(root / "RUN5")), "there is no directory"),
    "relative path": (lambda root: (12, 5, "results/RUN4"), "is not absolute"),
    "a file": (lambda root: (12, 5, str(root / "RUNfile")), "is not a directory"),
    "outside the roots": (lambda root: (12, 5, "/etc"), "outside the results roots"),
    "climbing out": (lambda root: (12, 5, str(root / ".." / "secret")), "holds '..'"),
    "through a link": (lambda root: (12, 5, str(root / "RUNlink")), "symbolic link"),
    "empty path": (lambda root: (12, 5, ""), "is empty"),
    "path with NUL": (lambda root: (12, 5, f"{root}/RUN4\0"), "holds a NUL"),
    "endless path": (lambda root: (12, 5, "/" + "x" * 5000), "is longer than 4095 bytes"),
    "no RUN* tree": (lambda root: (12, 5, str(root / "other")), "does not match 'RUN*'"),
    "path is a number": (lambda root: (12, 5, 7), "must be a string"),
    "negative job": (lambda root: (-12, 4, str(root / "RUN4")), "positive integer, not -12"),
    "negative run": (lambda root: (12, -4, str(root / "RUN4")), "positive integer, not -4"),
}
WITHOUT: dict[str, Case] = {
    "job is a string": (lambda root: ("12", 4, str(root / "RUN4")), "not '12'"),
    "job is a float": (lambda root: (12.0, 4, str(root / "RUN4")), "not 12.0"),
    "job is a bool": (lambda root: (True, 4, str(root / "RUN4")), "not True"),
    "job is 2^63": (lambda root: (2**63, 4, str(root / "RUN4")), "not 9223372036854775808"),
    "run is a string": (lambda root: (12, "4", str(root / "RUN4")), "not '4'"),
    "run is a float": (lambda root: (12, 4.0, str(root / "RUN4")), "not 4.0"),
    "run is a bool": (lambda root: (12, False, str(root / "RUN4")), "not False"),
    "run is 2^63": (lambda root: (12, 2**63, str(root / "RUN4")), "not 9223372036854775808"),
    "run is null": (lambda root: (12, None, str(root / "RUN4")), "not None"),
}


@pytest.fixture
def ready(running: Cluster) -> Cluster:
    """A worker, a good RUN4 and whatever the cases point at."""
    root = running.results
    (root / "RUN4").mkdir()
    (root / "RUN4" / "out.csv").write_text("1,2\n")
    (root / "RUNfile").write_text("no directory")
    (root / "other").mkdir()
    secret = running.directory / "secret"
    secret.mkdir()
    (secret / "RUN1").mkdir()
    (root / "RUNlink").symlink_to(secret)
    with running.engine.begin() as connection:
        connection.execute(text("INSERT INTO jobs (id) VALUES (13)"))
    running.start_worker()
    return running


def failed_row(running: Cluster, error: str) -> Any:
    query = "SELECT job_id, run_id, state, error FROM uploads WHERE error LIKE :error"
    with running.engine.begin() as connection:
        found = connection.execute(text(query), {"error": f"%{error}%"}).first()
    return found if found and found.state == "FAILED" else None


def require_nothing_stored(running: Cluster) -> None:
    assert running.strict.stored() == {}
    assert running.open_multipart_uploads() == []
    assert running.scalar("SELECT count(*) FROM runs WHERE results_url IS NOT NULL") == 0


def test_every_bad_message_ends_in_a_failed_row_that_says_why_and_stops_no_worker(
    ready: Cluster,
) -> None:
    for make, reason in (WITH_A_ROW_OF_ITS_OWN | WITHOUT).values():
        # the cases share job 12 and run 5, so each begins where none has been
        with ready.engine.begin() as connection:
            connection.execute(text("DELETE FROM uploads"))
        arguments = make(ready.results)
        ready.send(*arguments)
        row = eventually(partial(failed_row, ready, reason), f"FAILED: {reason}")
        assert "\n" not in row.error
        for word, value in zip(("job", "run"), arguments, strict=False):
            assert f"{word} {value!r:.40}" in row.error, row.error
    assert ready.workers[0].poll() is None
    require_nothing_stored(ready)

    ready.send(12, 4, str(ready.results / "RUN4"))
    ready.wait_for(12, 4)
    log = ready.log()
    assert "Traceback" not in log
    # only the missing path is tried again
    assert log.count("retry: Retry in") == 2


@pytest.mark.parametrize("arguments", [(), (12,), (12, 4), (12, 4, "/r", False, 1)], ids=len)
def test_a_message_with_too_few_or_many_arguments_stops_no_worker(
    ready: Cluster, arguments: tuple[Any, ...]
) -> None:
    ready.send(*arguments)
    ready.send(12, 4, str(ready.results / "RUN4"))
    ready.wait_for(12, 4)


def test_rows_by_plain_sql_that_make_no_request_fail_too(ready: Cluster) -> None:
    with ready.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO uploads (job_id, run_id, path) VALUES"
                " (-12, 4, '/x'), (12, 5, 'RUN5'), (12, 0, '/x')"
            )
        )
    eventually(
        lambda: ready.scalar("SELECT count(*) FROM uploads WHERE state = 'FAILED'") == 3,
        "three rows FAILED",
    )


def test_a_missing_directory_that_comes_late_lands_after_all(ready: Cluster) -> None:
    late = ready.results / "RUN6"
    ready.send(12, 6, str(late))
    ready.wait_for(12, 6, UploadState.RETRYING)
    late.mkdir()
    (late / "out.csv").write_text("1,2\n")
    assert ready.wait_for(12, 6).attempt > 1


@pytest.mark.thorough("runs every command about a job")
def test_a_job_without_a_creation_time_is_one_line_at_every_door(running: Cluster) -> None:
    with running.engine.begin() as connection:
        connection.execute(text("ALTER TABLE jobs ALTER COLUMN created_at DROP NOT NULL"))
        connection.execute(text("UPDATE jobs SET created_at = NULL"))
    running.start_worker()
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1")
    running.send(12, 4, str(running.results / "RUN4"))
    row = running.wait_for(12, 4, UploadState.FAILED)
    assert "job 12, run 4: its created_at is NULL: set it" in (row.error or "")
    owners_url = running.engine.url.render_as_string(hide_password=False)
    commands = [
        ["ls", "12"],
        ["urls", "12"],
        ["fetch", "12", "--to", "fetched"],
        ["verify", "12"],
        ["contents", "12", "4"],
        ["cat", "12", "4", "RUN4/out.csv"],
        ["put", "12", "4", "logs", str(running.results / "RUN4" / "out.csv")],
        ["archive", "12", "--yes"],
        ["restore", "12", "--days", "1"],
        ["delete", "12", "--yes"],
        ["migrate", "12", "--yes"],
    ]
    for command in commands:
        done = subprocess.run(
            [*ONEPREFIX, *command],
            cwd=running.directory,
            env=running.environment | {"ONEPREFIX_DATABASE_URL": owners_url},
            capture_output=True,
            text=True,
            check=False,
        )
        told = (done.stdout + done.stderr).strip()
        assert done.returncode != 0, (command, told)
        assert "created_at is NULL" in " ".join(told.split()), (command, told)
        assert "Traceback" not in told, (command, told)
    for command in (["status", "12"], ["failed"]):
        subprocess.run(
            [*ONEPREFIX, *command], cwd=running.directory, env=running.environment, check=True
        )
