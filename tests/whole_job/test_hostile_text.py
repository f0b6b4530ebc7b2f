"""Texts that a terminal would obey, in every field that a command prints."""

import json
import os
import pty
import subprocess
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import typer
from sqlalchemy import text

from cli.main import app
from tests.cli.command import ONEPREFIX
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation
from tests.worker.packaging.trees import make
from worker.models.artifact import ArtifactKind

#: A window's title, colours by C0 and by C1, a second line, an override of direction, markup.
HOSTILE = "\x1b]0;pwned\x07\x9b31m\x7f\r\noneprefix: forged \u202e\u2066 [/x] :boom: Größe"
#: As a file's name, which holds no slash.
NAME = HOSTILE.replace("/", "")
SHOWN = r"\x1b]0;pwned\x07"
#: A key of S3's may hold no C0 control in an answer in XML, but these.
HOSTILE_KEY = "a\x9b31m\u202e[/x]"
LATER = "'2099-01-01 00:00:00.000000'"

#: Per command: arguments that bring stored texts to light, and whether they must be among what is
#: shown; the order is that in which a person could give them.
COMMANDS: dict[str, list[tuple[tuple[str, ...], bool]]] = {
    "status": [((), True), (("12",), True)],
    "job add": [(("12", "--runs", "4"), False), (("12", f"--runs={HOSTILE}"), True)],
    "workers": [((), False)],
    "deletions": [((), False), (("12",), False)],
    "failed": [((), True), (("--traceback",), True)],
    "ls": [(("12",), True), (("12", "--tree"), True)],
    "contents": [(("12", "4"), True)],
    "cat": [(("12", "4", f"RUN4/{NAME}"), True), (("12", "4", "RUN4/out.csv"), False)],
    "verify": [(("12",), False), (("12", "--deep"), False)],
    "fetch": [(("12", "--to", f"fetched{HOSTILE}", "--unpack"), True)],
    "put": [(("12", "4", "logs", f"no{HOSTILE}"), True)],
    "urls": [(("12",), False)],
    "orders show": [((), True)],
    "orders give": [
        (("archive", "12", f"to_bucket={HOSTILE}"), False),
        (("restore", "12", f"days={HOSTILE}"), False),
        (("verify", "12", f"{HOSTILE}=1"), False),
        (("verify", "12", HOSTILE), False),
    ],
    "orders cancel": [(("waiting" + HOSTILE,), False), ((HOSTILE,), True)],
    "migrate": [(("12", "--dry-run"), False)],
    "inventory": [(("--since", "2025-01-01"), False)],
    "metrics": [((), False)],
    "doctor": [((), False)],
    "settings": [((), True)],
    "lifecycle show": [((), False)],
    "lifecycle apply": [(("--dry-run",), False), (("--yes",), False)],
    "enqueue": [
        (("12", "6", f"/results/../{HOSTILE}"), True),
        (("12", "6", f"/etc/{HOSTILE}"), False),
    ],
    "cancel": [(("12", "6"), False), (("12", "5"), False)],
    "retry": [(("12", "99"), False), (("--all",), False)],
    "archive": [(("12", "--dry-run"), False)],
    "restore": [(("12", "--days", "1", "--dry-run"), False)],
    "delete": [(("12", "--dry-run"), False), (("--prefix", HOSTILE, "--yes"), False)],
    "db upgrade": [((), False)],
}
#: Run processes for as long as a person wants; what they print of strangers are log lines, see
#: tests/tasks/test_log.py.
OTHERS = {"demo", "up", "web", "worker"}


def names(command: Any, above: str = "") -> Iterator[str]:
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from names(each, f"{above}{name} ")
        else:
            yield above + name


def hostile_characters(shown: str) -> set[str]:
    return {
        each
        for each in shown
        if (unicodedata.category(each) in ("Cc", "Cs") and each != "\n")
        or each
        in "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    }


@pytest.fixture
def hostile(installed: Installation) -> Installation:
    """Job 12, each text of whose rows, keys and names in archives is hostile."""
    only_moto(installed.strict)
    installed.land(4, {NAME: b"hello \x1b[31m\n", "out.csv": b"1\n", "\udce9": b""})
    installed.put(ArtifactKind.RUN_LOGS, b"hello", 4)
    installed.put_key(installed.prefix.folder + HOSTILE_KEY)
    make(installed.results / "RUN5", {"out.csv": b"1\n"})
    columns = "job_id, run_id, path, state, error, traceback, owner, task_id, left_out, s3_key"
    rows: list[tuple[int | None, int | None, str]] = [
        (12, 5, "FAILED"),
        (12, 6, "REQUESTED"),
        (12, 7, "UPLOADING"),
        (12, 8, "RETRYING"),
    ]
    rows += [(12, 9, "CANCELLED"), (None, None, "FAILED"), (12, 10, "LANDED")]
    with installed.services.engine.begin() as connection:
        for job_id, run_id, state in rows:
            connection.execute(
                text(
                    f"INSERT INTO uploads ({columns}, lease_until, next_attempt_at) VALUES (:job,"
                    " :run, :path, :state, :bad, :bad, :bad, :bad, :list, :bad,"
                    f" {LATER}, {LATER})"
                ),
                {
                    "job": job_id,
                    "run": run_id,
                    "state": state,
                    "bad": HOSTILE,
                    "path": f"/etc/{HOSTILE}",
                    "list": json.dumps([HOSTILE]),
                },
            )
        connection.execute(
            text("UPDATE uploads SET checksum = :bad WHERE run_id = 4"), {"bad": HOSTILE}
        )
        for state, name in (("FAILED", ""), ("REQUESTED", "waiting"), ("DONE", "done")):
            connection.execute(
                text(
                    "INSERT INTO job_orders (id, kind, job_id, arguments, state, error)"
                    " VALUES (:id, 'verify', 12, :arguments, :state, :error)"
                ),
                {
                    "id": (name or "failed") + HOSTILE,
                    "arguments": json.dumps({"x": HOSTILE}),
                    "state": state,
                    "error": HOSTILE,
                },
            )
    return installed


def test_every_command_is_tried_with_hostile_texts() -> None:
    assert set(names(typer.main.get_command(app))) == set(COMMANDS) | OTHERS


@pytest.mark.parametrize("upstream", ["moto"], indirect=True)
def test_no_command_prints_what_a_terminal_obeys(hostile: Installation) -> None:
    pattern = {"ONEPREFIX_RUN_DIRECTORY_PATTERN": f"RUN*{NAME}"}
    for command, examples in COMMANDS.items():
        for arguments, is_told in examples:
            for as_json in ((), ("--json",)):
                given = (*command.split(), *arguments, *as_json)
                settings = pattern if command == "settings" else {}
                answer = hostile.oneprefix(*given, **settings)
                if "cat" in given and not as_json:
                    continue  # raw bytes, as standard output is no terminal
                shown = answer.out + answer.err
                assert not hostile_characters(shown), (given, shown)
                assert "Traceback" not in shown, (given, shown)
                assert "\noneprefix: forged" not in shown, (given, shown)
                if as_json:
                    assert answer.out.isascii()
                    assert not answer.out or answer.json is not None
                elif is_told:
                    assert r"\x1b" in shown or r"\u009b" in shown, (given, shown)


def on_a_terminal(installed: Installation, *arguments: str) -> bytes:
    """What the command writes to a terminal of its own."""
    here, there = pty.openpty()
    process = subprocess.Popen(
        [*ONEPREFIX, *arguments],
        cwd=installed.command.directory,
        env=installed.command.surroundings,
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    shown = b""
    with suppress(OSError):  # Linux says so that the other end is closed
        while data := os.read(here, 4096):
            shown += data
    os.close(here)
    assert process.wait() == 0
    return shown


@pytest.mark.parametrize("upstream", ["moto"], indirect=True)
def test_cat_escapes_on_a_terminal_and_writes_the_very_bytes_elsewhere(
    installed: Installation,
) -> None:
    held = "Größe\n\ttab ".encode() + b"\x1b[31m \xff\n"
    installed.land(4, {"out.csv": held})
    done = subprocess.run(
        [*ONEPREFIX, "cat", "12", "4", "RUN4/out.csv"],
        cwd=installed.command.directory,
        env=installed.command.surroundings,
        capture_output=True,
        check=True,
    )
    assert done.stdout == held
    shown = on_a_terminal(installed, "cat", "12", "4", "RUN4/out.csv").decode()
    assert "Größe\r\n" in shown
    assert r"tab \x1b[31m \xff" in shown
    assert "are shown as escapes" in shown
    assert "\x1b[31m" not in shown


@pytest.mark.parametrize("upstream", ["moto"], indirect=True)
def test_a_terminal_is_sent_colours_of_ours_alone(hostile: Installation) -> None:
    shown = on_a_terminal(hostile, "failed", "--traceback")
    assert b"\x1b[1m" in shown  # the heading of a traceback
    assert b"\x1b]0;" not in shown
    assert b"\xc2\x9b" not in shown
    assert SHOWN.encode() in shown


@pytest.mark.parametrize("upstream", ["moto"], indirect=True)
def test_a_control_and_its_escape_as_a_name_are_not_shown_alike(installed: Installation) -> None:
    installed.land(4, {"a\x1b": b"control", r"a\x1b": b"typed"})
    for name in ("k\u200ftxt", r"k\u200ftxt"):
        installed.put_key(installed.prefix.folder + name)
    shown = [
        line.split()[-1] for line in installed.oneprefix("contents", "12", "4").out.splitlines()
    ]
    assert {r"RUN4/a\x1b", r"RUN4/a\\x1b"} <= set(shown)
    assert installed.oneprefix("cat", "12", "4", r"RUN4/a\\x1b").out == "typed"
    listed = installed.oneprefix("ls", "12").out
    assert r" k\u200ftxt " in listed
    assert r" k\\u200ftxt " in listed
