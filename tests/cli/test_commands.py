import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.cli.command import Command
from worker.database.engine import make_engine

COMMANDS = [
    ("db", "upgrade"),
    ("settings",),
    ("status",),
    ("enqueue", "12", "4", "/results/RUN4"),
    ("failed",),
    ("retry", "--all"),
    ("ls", "12"),
    ("verify", "12"),
    ("doctor",),
    ("migrate", "--all"),
    ("inventory", "--since", "2025-10-01"),
    ("put", "12", "4", "logs", "solver.log"),
    ("put", "12", "config", "--location"),
    ("urls", "12", "4"),
    ("fetch", "12", "4", "here"),
    ("contents", "12", "4"),
    ("cat", "12", "4", "RUN4/out.csv"),
    ("archive", "12"),
    ("restore", "12", "--days", "7"),
    ("delete", "12", "--yes"),
    ("lifecycle", "show"),
    ("lifecycle", "apply"),
    ("up",),
]


@pytest.mark.parametrize("arguments", [(), ("--help",), ("db",), ("enqueue", "--help")])
def test_help_is_at_hand(oneprefix: Command, arguments: tuple[str, ...]) -> None:
    answer = oneprefix(*arguments)
    assert "Usage:" in answer.out + answer.err
    assert answer.code == (0 if "--help" in arguments else 2)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_takes_json_and_answers_an_error_with_it(
    oneprefix: Command, command: tuple[str, ...]
) -> None:
    broken = replace(oneprefix, environment={"ONEPREFIX_MAX_ATTEMPTS": "many"})
    answer = broken(*command, "--json")
    assert answer.code == 1
    assert answer.json["kind"] == "InvalidSettings"
    assert "ONEPREFIX_MAX_ATTEMPTS" in answer.json["error"]
    assert answer.err.startswith("oneprefix: ONEPREFIX_MAX_ATTEMPTS")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("enqueue",),
        ("enqueue", "twelve", "4", "/r"),
        ("enqueue", "12.0", "4", "/r"),
        ("enqueue", "1_2", "4", "/r"),
        ("status", "x"),
        ("no-such-command",),
        ("up", "--concurrency", "0"),
        ("failed", "x"),
        ("retry",),
        ("retry", "12", "--all"),
        ("migrate",),
        ("migrate", "12", "--all"),
        ("migrate", "12", "x"),
        ("migrate", "12", "--limit", "-1"),
        ("inventory",),
        ("inventory", "--since", "2025-02-30"),
        ("inventory", "--since", "yesterday"),
        ("inventory", "--since", "2025-10-01", "--until", "2025-10-01"),
        ("inventory", "--since", "2025-10-01", "--by", "run"),
        ("inventory", "--since", "2025-10-01", "--csv", "--json"),
        ("put", "12", "config"),
        ("put", "12", "results", "x.zip"),
        ("put", "12", "4", "input", "x.zip"),
        ("put", "12", "4", "logs", "x.log", "y.log"),
        ("put", "12", "config", "x.json", "--expires", "1h"),
        ("urls", "12", "--expires", "1w"),
        ("urls", "12", "--expires", "9999999d"),
        ("fetch", "12"),
        ("fetch", "12", "x", "y"),
        ("cat", "12", "4"),
        ("archive", "12", "--storage-class", "COLD"),
        ("archive", "12", "--older-than", "soon"),
        ("restore", "12"),
        ("restore", "12", "--days", "0"),
        ("restore", "12", "--days", "7", "--tier", "fast"),
        ("delete", "12"),
        ("lifecycle", "apply", "--storage-class", "GLACIER"),
        ("lifecycle", "apply", "--abort-days", "0"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_code_2(oneprefix: Command, wrong: tuple[str, ...]) -> None:
    answer = oneprefix(*wrong)
    assert answer.code == 2
    assert "Traceback" not in answer.err


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
    assert with_failures("failed", "14").out == "No upload has failed.\n"


def states(command: Command) -> dict[tuple[int, int], tuple[str, int]]:
    listed = command("status", "--json").json["uploads"]
    return {(each["job_id"], each["run_id"]): (each["state"], each["attempt"]) for each in listed}


def test_a_run_that_failed_is_brought_back(with_failures: Command) -> None:
    answer = with_failures("retry", "12", "4")
    assert (answer.code, answer.out) == (0, "1 uploads are asked for again.\n")
    assert states(with_failures)[12, 4] == ("REQUESTED", 0)
    assert states(with_failures)[12, 5] == ("FAILED", 1)


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


def test_settings_are_shown_with_secrets_masked(oneprefix: Command) -> None:
    secretive = replace(
        oneprefix,
        environment=oneprefix.environment
        | {"ONEPREFIX_DATABASE_URL": "postgresql://ada:hunter2@host/db"},
    )
    shown = secretive("settings")
    assert shown.code == 0
    assert "postgresql://***@host/db" in shown.out
    values = secretive("settings", "--json").json
    assert values["ONEPREFIX_DATABASE_URL"] == "postgresql://***@host/db"
    assert values["ONEPREFIX_S3_BUCKET"] is None
    assert "hunter2" not in shown.out + json.dumps(values)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("0", "4", "/r/RUN4"), "job id must be a positive integer"),
        (("12", "-4", "/r/RUN4"), "run id must be a positive integer"),
        ((str(2**63), "4", "/r/RUN4"), "below 2^63"),
        (("12", "4", "RUN4"), "path is not absolute"),
        (("12", "4", ""), "path is empty"),
        (("12", "4", "/r/../etc"), "path holds '..'"),
    ],
)
def test_what_makes_no_request_is_refused_at_once(
    oneprefix: Command, arguments: tuple[str, ...], says: str
) -> None:
    answer = oneprefix("enqueue", "--", *arguments)
    assert answer.code == 1
    assert says in answer.err
    assert answer.err.count("\n") == 1


def test_what_looks_like_markup_is_shown_as_it_is(oneprefix: Command) -> None:
    assert "'[/x]'" in oneprefix("enqueue", "12", "4", "[/x]").err
    pattern = oneprefix.environment | {"ONEPREFIX_RUN_DIRECTORY_PATTERN": "RUN[a-z]*"}
    assert "RUN[a-z]*" in replace(oneprefix, environment=pattern)("settings").out


def test_enqueue_without_a_broker_leaves_a_row_for_the_workers_to_come(oneprefix: Command) -> None:
    oneprefix("db", "upgrade")
    answer = oneprefix("enqueue", "12", "4", "/results/RUN4")
    assert (answer.code, answer.out) == (0, "job 12, run 4: REQUESTED\n")
    assert "a worker will do it" in answer.err
    assert answer.err.count("\n") == 1


def test_a_database_that_is_away_is_said_in_one_line(oneprefix: Command) -> None:
    away = replace(
        oneprefix,
        environment=oneprefix.environment
        | {"ONEPREFIX_DATABASE_URL": "postgresql://ada:hunter2@127.0.0.1:1/db"},
    )
    for command in [("status",), ("db", "upgrade"), ("enqueue", "12", "4", "/r/RUN4")]:
        answer = away(*command)
        assert answer.code == 1
        assert "the database is unavailable" in answer.err
        assert answer.err.count("\n") == 1
        assert "hunter2" not in answer.err


def test_nothing_is_left_where_nothing_was_asked(oneprefix: Command, tmp_path: Path) -> None:
    oneprefix("--help")
    oneprefix("settings")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("ls",), ("urls",), ("verify",)], ids=" ".join)
def test_an_id_that_no_column_holds_is_told_in_one_line(
    oneprefix: Command, command: tuple[str, ...]
) -> None:
    oneprefix("db", "upgrade")
    there = replace(
        oneprefix,
        environment=oneprefix.environment
        | {
            "ONEPREFIX_S3_BUCKET": "bucket",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
        },
    )
    answer = there(*command, "99999999999999999999")
    assert answer.code == 1
    assert answer.err.count("\n") == 1
