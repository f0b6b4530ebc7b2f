import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from cli.main import app
from tests.cli.command import Command
from tests.end_to_end.cluster import eventually


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("0", "4", "/r/RUN4"), "job id must be a positive integer"),
        (("12", "-4", "/r/RUN4"), "run id must be a positive integer"),
        ((str(2**63), "4", "/r/RUN4"), "below 2^63"),
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


def test_enqueue_without_a_broker_leaves_a_row_for_the_workers_to_come(oneprefix: Command) -> None:
    oneprefix("db", "upgrade")
    answer = oneprefix("enqueue", "12", "4", "/results/RUN4")
    assert (answer.code, answer.out) == (0, "job 12, run 4: REQUESTED\n")
    assert "a worker will do it" in answer.err
    assert answer.err.count("\n") == 1


def test_a_relative_path_is_that_of_the_current_directory(oneprefix: Command) -> None:
    oneprefix("db", "upgrade")
    asked = oneprefix("enqueue", "12", "4", "results/../results/RUN4", "--json")
    assert asked.json["path"] == f"{oneprefix.directory}/results/RUN4"


def test_create_makes_job_and_run_in_the_embedded_database_alone(oneprefix: Command) -> None:
    oneprefix("db", "upgrade")
    assert oneprefix("enqueue", "12", "4", "/results/RUN4", "--create").code == 0
    assert oneprefix("enqueue", "12", "4", "/results/RUN4", "--create").code == 0
    elsewhere = replace(
        oneprefix,
        environment=oneprefix.environment
        | {"ONEPREFIX_DATABASE_URL": f"sqlite:///{oneprefix.directory}/other.db"},
    )
    refused = elsewhere("enqueue", "12", "4", "/results/RUN4", "--create")
    assert refused.code == 1
    assert "oneprefix job add 12 --runs 4" in refused.err
    assert refused.err.count("\n") == 1


def test_waiting_ends_in_time_and_says_that_no_worker_answers(oneprefix: Command) -> None:
    oneprefix("db", "upgrade")
    waited = oneprefix("enqueue", "12", "4", "/results/RUN4", "--wait", "--timeout", "1s", "--json")
    assert waited.code == 1
    assert waited.json["state"] == "REQUESTED"
    assert "after 1 s the upload goes on" in waited.err
    assert "oneprefix status 12 --watch" in waited.err
    assert oneprefix("enqueue", "12", "4", "/results/RUN4", "--timeout", "1s").code == 2


def test_ctrl_c_while_waiting_says_that_the_upload_goes_on(
    oneprefix: Command, tmp_path: Path
) -> None:
    oneprefix("db", "upgrade")
    log = tmp_path / "log"
    waiting = oneprefix.start("enqueue", "12", "4", "/results/RUN4", "--wait", log=log)
    eventually(lambda: "REQUESTED" in oneprefix("status").out, "it is requested")
    time.sleep(1)  # until it waits
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(timeout=30) == 130
    last = log.read_text().splitlines()[-1]
    assert last == (
        "oneprefix: job 12, run 4: the upload goes on; watch it with `oneprefix status 12 --watch`"
    )


@pytest.mark.parametrize(
    ("command", "says"), [("status", "what workers do goes on"), ("fetch", "what was done stays")]
)
def test_ctrl_c_ends_any_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    says: str,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    root = typer.main.get_command(app)
    monkeypatch.setattr(root.commands[command], "invoke", interrupted)  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as ended:
        root([command, "12"])
    assert ended.value.code == 130
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
