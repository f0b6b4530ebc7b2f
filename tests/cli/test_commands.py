"""What holds for every command."""

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.command import ONEPREFIX, Command

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
        ("delete",),
        ("delete", "12", "--prefix", "jobs/12/2025/10/23/211500/", "--yes"),
        ("lifecycle", "apply", "--storage-class", "GLACIER"),
        ("lifecycle", "apply", "--abort-days", "0"),
        ("lifecycle", "apply", "--transition-days", "9", "--expire-days", "3"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_code_2(oneprefix: Command, wrong: tuple[str, ...]) -> None:
    answer = oneprefix(*wrong)
    assert answer.code == 2
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "command",
    [("put",), ("archive",), ("restore",), ("delete",), ("lifecycle", "apply"), ("migrate",)],
    ids=" ".join,
)
def test_every_command_that_changes_objects_has_one_convention(
    oneprefix: Command, command: tuple[str, ...]
) -> None:
    said = oneprefix(*command, "--help").out
    assert all(option in said for option in ("--dry-run", "--yes", "--apply"))


def test_what_looks_like_markup_is_shown_as_it_is(oneprefix: Command) -> None:
    assert "'/../[/x]'" in oneprefix("enqueue", "12", "4", "/../[/x]").err
    pattern = oneprefix.environment | {"ONEPREFIX_RUN_DIRECTORY_PATTERN": "RUN[a-z]*"}
    assert "RUN[a-z]*" in replace(oneprefix, environment=pattern)("settings").out


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


@pytest.mark.parametrize(
    "command", ["status", "ls", "verify", "failed", "retry", "cancel", "orders show"]
)
def test_a_job_that_does_not_exist_is_told_with_exit_code_1(
    oneprefix: Command, command: str
) -> None:
    environment = oneprefix.environment | {"ONEPREFIX_S3_BUCKET": "b", "AWS_REGION": "us-east-1"}
    configured = replace(oneprefix, environment=environment)
    configured("db", "upgrade")
    answer = configured(*command.split(), "99")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "oneprefix: job 99: there is no such job\n"
    assert configured(*command.split(), "99", "--json").json["kind"] == "JobNotFound"


def test_a_misspelt_setting_is_told_and_nothing_else_changes(oneprefix: Command) -> None:
    (oneprefix.directory / ".env").write_text("oneprefix_conections=3\nONEPREFIX_LEVEL=small\n")
    oneprefix("db", "upgrade")
    misspelt = replace(oneprefix, environment={**oneprefix.environment, "ONEPREFIX_S3BUCKET": "b"})
    answer = misspelt("status", "--json")
    assert answer.code == 0
    assert answer.json["counts"] == {}
    assert answer.err.splitlines() == [
        "oneprefix: ONEPREFIX_CONECTIONS is no setting; is it ONEPREFIX_CONNECTIONS?",
        "oneprefix: ONEPREFIX_S3BUCKET is no setting; is it ONEPREFIX_S3_BUCKET?",
    ]
    assert "ONEPREFIX_S3BUCKET" not in misspelt("--help").err


def test_a_table_that_no_terminal_shows_is_neither_wrapped_nor_cut(oneprefix: Command) -> None:
    narrow = replace(oneprefix, environment=oneprefix.environment | {"COLUMNS": "40"})
    lines = narrow("settings").out.splitlines()
    assert len(lines) == 1 + len(narrow("settings", "--json").json)


@pytest.mark.parametrize("arguments", [("status",), ("settings", "--json"), ("doctor",)])
def test_a_full_disk_behind_the_output_is_one_line(
    oneprefix: Command, arguments: tuple[str, ...]
) -> None:
    oneprefix("db", "upgrade")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*ONEPREFIX, *arguments],
            env=oneprefix.surroundings,
            cwd=oneprefix.directory,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == "oneprefix: the output can't be written: No space left on device\n"


def run_script(
    oneprefix: Command, script: str, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Run it where the command would run, without what the tests' own process has imported."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=oneprefix.surroundings,
        cwd=oneprefix.directory,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


#: What takes long to import.
SLOW = {
    "sqlalchemy",
    "pydantic",
    "botocore",
    "boto3",
    "celery",
    "kombu",
    "alembic",
    "isal",
    "redis",
}
MODULES = """
import sys
from cli.main import main

sys.argv = ["oneprefix", *sys.argv[1:]]
try:
    main()
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [("--help", set()), ("enqueue --help", {"pydantic"}), ("status", {"sqlalchemy", "pydantic"})],
)
def test_a_command_imports_what_it_needs(
    oneprefix: Command, arguments: str, needed: set[str]
) -> None:
    oneprefix("db", "upgrade")
    done = run_script(oneprefix, MODULES, *arguments.split())
    assert done.returncode == 0
    assert set(done.stderr.split()) & SLOW == needed


def test_the_version_is_told(oneprefix: Command) -> None:
    assert oneprefix("--version").out == f"oneprefix {version('oneprefix')}\n"


INTERRUPTED = """
import os, signal, sys, threading
from cli.__main__ import main

class Interrupts:
    def find_spec(self, name, *_):
        if name == "cli.main":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
main()
"""


def test_ctrl_c_while_a_command_is_imported_is_one_line(oneprefix: Command) -> None:
    done = run_script(oneprefix, INTERRUPTED)
    assert (done.returncode, done.stderr) == (130, "oneprefix: interrupted\n")


@pytest.mark.parametrize("streams", ["<&- >&-", ">&-", "2>&-"])
def test_a_standard_stream_that_is_closed_is_no_defect(oneprefix: Command, streams: str) -> None:
    oneprefix("db", "upgrade")
    done = subprocess.run(
        ["bash", "-c", f'"$0" status {streams}', *ONEPREFIX],
        env=oneprefix.surroundings,
        cwd=oneprefix.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if streams == "2>&-":
        assert (done.returncode, done.stdout, done.stderr) == (0, "No uploads.\n", "")
    else:
        assert done.returncode == 1
        assert done.stderr == (
            "oneprefix: the output can't be written: standard output is closed\n"
        )
