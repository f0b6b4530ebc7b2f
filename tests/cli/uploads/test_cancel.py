import pytest
from sqlalchemy import text

from tests.cli.command import Command
from worker.database.engine import make_engine

ROWS = """
INSERT INTO uploads (job_id, run_id, path, state, landed_at) VALUES
    (12, 4, '/r/RUN4', 'REQUESTED', NULL),
    (12, 5, '/r/RUN5', 'RETRYING', NULL),
    (12, 6, '/r/RUN6', 'LANDED', '2025-10-23 21:15:00'),
    (13, 1, '/r/RUN1', 'REQUESTED', NULL)
"""


@pytest.fixture
def with_uploads(oneprefix: Command) -> Command:
    oneprefix("db", "upgrade")
    engine = make_engine(f"sqlite:///{oneprefix.directory}/data/oneprefix.db")
    with engine.begin() as connection:
        connection.execute(text(ROWS))
    engine.dispose()
    return oneprefix


def states(command: Command) -> dict[tuple[int, int], str]:
    listed = command("status", "--json").json["uploads"]
    return {(each["job_id"], each["run_id"]): each["state"] for each in listed}


def test_a_runs_upload_is_cancelled_and_who_did_it_is_told(with_uploads: Command) -> None:
    answer = with_uploads("cancel", "12", "4")
    assert answer.code == 0
    assert answer.out.startswith("job 12, run 4: cancelled by ")
    assert states(with_uploads)[12, 4] == "CANCELLED"
    assert states(with_uploads)[12, 5] == "RETRYING"
    assert "cancelled by" in with_uploads("status", "12").out


def test_a_jobs_uploads_are_cancelled_but_what_has_landed(with_uploads: Command) -> None:
    cancelled = with_uploads("cancel", "12", "--json").json["cancelled"]
    assert [each["run_id"] for each in cancelled] == [4, 5]
    assert states(with_uploads) == {
        (12, 4): "CANCELLED",
        (12, 5): "CANCELLED",
        (12, 6): "LANDED",
        (13, 1): "REQUESTED",
    }
    answer = with_uploads("cancel", "12")
    assert answer.code == 0
    assert answer.out == "job 12: nothing to cancel: no upload is waiting or under way\n"


@pytest.mark.parametrize(("run", "why"), [("6", "it is LANDED"), ("9", "nobody has asked")])
def test_a_run_that_can_not_be_cancelled_is_an_error(
    with_uploads: Command, run: str, why: str
) -> None:
    answer = with_uploads("cancel", "12", run)
    assert answer.code == 1
    assert f"job 12, run {run}: nothing to cancel: {why}" in answer.err


def test_a_cancelled_upload_is_asked_for_anew(with_uploads: Command) -> None:
    with_uploads("cancel", "12", "4")
    with_uploads("enqueue", "12", "4", "/r/RUN4", "--countdown", "1h", "--expires", "2h")
    assert states(with_uploads)[12, 4] == "REQUESTED"
    assert "not before 2" in with_uploads("status", "12").out
    later = with_uploads("enqueue", "12", "5", "/r", "--countdown", "1h", "--eta", "2030-01-01")
    assert later.code == 1
    assert "give countdown or eta, not both" in later.err
    wrong = with_uploads("enqueue", "12", "5", "/r", "--eta", "tomorrow")
    assert wrong.code == 2
