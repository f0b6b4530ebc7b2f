import pytest
from sqlalchemy import text

from tests.cli.command import Command
from worker.database.engine import make_engine

FAILED_ROWS = """
INSERT INTO uploads (job_id, run_id, path, state, attempt, error, traceback, landed_at) VALUES
    (12, 4, '/r/RUN4', 'FAILED', 3, 'job 12, run 4: [red]no such bucket', 'Trace[back]', NULL),
    (12, 5, '/r/RUN5', 'FAILED', 1, 'job 12, run 5: refused', NULL, '2025-10-23 21:15:00'),
    (12, 6, '/r/RUN6', 'LANDED', 1, NULL, NULL, '2025-10-23 21:15:00'),
    (13, 1, 'RUN1', 'FAILED', 1, 'job 13, run 1: path is not absolute', NULL, NULL),
    (NULL, 4, '/r', 'FAILED', 0, 'job ''x'', run 4: no id', NULL, NULL)
"""


@pytest.fixture
def with_failures(oneprefix: Command) -> Command:
    oneprefix("db", "upgrade")
    engine = make_engine(f"sqlite:///{oneprefix.directory}/data/oneprefix.db")
    with engine.begin() as connection:
        connection.execute(text(FAILED_ROWS))
    engine.dispose()
    return oneprefix


def test_what_failed_is_listed_with_its_path_attempts_and_reason(with_failures: Command) -> None:
    shown = with_failures("failed")
    assert shown.code == 0
    [line] = [each for each in shown.out.splitlines() if "RUN4" in each]
    assert line.split() == ["12", "4", "3", "/r/RUN4", "[red]no", "such", "bucket"]
    assert "RUN6" not in shown.out
    assert "Trace[back]" not in shown.out
    assert "Trace[back]" in with_failures("failed", "12", "4", "--traceback").out
    listed = with_failures("failed", "12", "--json").json["failed"]
    assert [(each["run_id"], each["traceback"]) for each in listed] == [
        (4, "Trace[back]"),
        (5, None),
    ]
    assert with_failures("failed", "12", "6").out == "No upload has failed.\n"


def states(command: Command) -> dict[tuple[int, int], tuple[str, int]]:
    listed = command("status", "--json").json["uploads"]
    return {(each["job_id"], each["run_id"]): (each["state"], each["attempt"]) for each in listed}


def test_a_run_that_failed_is_brought_back(with_failures: Command) -> None:
    answer = with_failures("retry", "12", "4")
    assert (answer.code, answer.out) == (0, "1 upload is requested again.\n")
    assert states(with_failures)[12, 4] == ("REQUESTED", 0)
    assert states(with_failures)[12, 5] == ("FAILED", 1)


def test_a_run_that_has_not_failed_is_not_retried_and_that_is_told(
    with_failures: Command,
) -> None:
    answer = with_failures("retry", "12", "6")
    assert (answer.code, answer.err) == (
        0,
        "oneprefix: job 12, run 6: nothing to retry: it is LANDED\n",
    )
    unknown = with_failures("retry", "12", "7", "--json")
    assert (unknown.code, unknown.json) == (1, {"retried": [], "refused": []})
    assert "nobody has asked for its upload" in unknown.err


def test_all_that_failed_is_brought_back_and_what_can_not_be_is_told(
    with_failures: Command,
) -> None:
    answer = with_failures("retry", "--all", "--json")
    assert answer.code == 1
    [refused] = answer.json["refused"]
    assert (refused["job_id"], refused["run_id"]) == (13, 1)
    assert "job 13, run 1: path is not absolute" in refused["error"]
    assert [each["run_id"] for each in answer.json["retried"]] == [4, 5]
    after = states(with_failures)
    assert after[12, 4] == after[12, 5] == ("REQUESTED", 0)  # the second replaces what landed
    assert after[12, 6] == ("LANDED", 1)
