"""The decided settings, as a worker sees them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DECIDED = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_max_retries": None,
    "accept_content": ["json"],
    "task_serializer": "json",
    "task_ignore_result": True,
    "task_default_queue": "uploads",
    "worker_send_task_events": True,
}
BROKER = {"ONEPREFIX_BROKER_URL": "redis://127.0.0.1:1/0"}
SCRIPT = (
    "import json, tasks; conf = tasks.app.conf; names = json.loads(input());"
    "print(json.dumps({name: conf[name] for name in names}))"
)


def run(
    script: str, cwd: Path, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEPREFIX_")}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        input=given,
        cwd=cwd,
        env=kept | {"ONEPREFIX_DATA_DIR": str(cwd)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def conf(cwd: Path, names: list[str]) -> dict[str, Any]:
    done = run(SCRIPT, cwd, json.dumps(names), **BROKER)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_decided_settings_are_in_force(tmp_path: Path) -> None:
    assert conf(tmp_path, list(DECIDED)) == DECIDED


def test_the_broker_has_a_long_visibility_timeout_and_short_socket_timeouts(tmp_path: Path) -> None:
    options = conf(tmp_path, ["broker_transport_options"])["broker_transport_options"]
    assert options["visibility_timeout"] == 86_400
    assert 0 < options["socket_connect_timeout"] <= options["socket_timeout"] <= 10


def test_importing_the_tasks_connects_to_nothing_and_needs_no_setting(tmp_path: Path) -> None:
    done = run("import tasks; print(tasks.app.main)", tmp_path)
    assert (done.returncode, done.stdout) == (0, "oneprefix\n"), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "ONEPREFIX_BROKER_URL"),
        (BROKER, "ONEPREFIX_S3_BUCKET"),
        (BROKER | {"ONEPREFIX_S3_BUCKET": "b"}, "ONEPREFIX_RESULTS_ROOTS"),
        ({"ONEPREFIX_LEASE_SECONDS": "soon"}, "ONEPREFIX_LEASE_SECONDS"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else value,
)
def test_a_worker_that_lacks_a_setting_says_so_in_one_line(
    tmp_path: Path, environment: dict[str, str], says: str
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEPREFIX_")}
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker"],
        cwd=tmp_path,
        env=kept | {"ONEPREFIX_DATA_DIR": str(tmp_path / "data")} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("oneprefix: ")
    assert says in lines[0]


def test_a_profile_that_is_not_there_is_said_before_any_message_is_taken(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEPREFIX_")}
    needed = {"ONEPREFIX_S3_BUCKET": "b", "ONEPREFIX_RESULTS_ROOTS": "/r", "AWS_PROFILE": "nope"}
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker"],
        cwd=tmp_path,
        env=kept | BROKER | needed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("oneprefix: making the S3 client: ")
    assert "nope" in done.stderr


def test_a_program_that_imports_us_keeps_its_own_celery(tmp_path: Path) -> None:
    script = (
        "from celery import Celery, current_app, shared_task\n"
        "theirs = Celery('theirs', broker='redis://theirs:6379/0')\n"
        "@shared_task\n"
        "def job(): pass\n"
        "import tasks\n"
        "tasks.package_and_upload.name\n"
        "print(current_app.main, job.app.main)\n"
    )
    done = run(script, tmp_path, **BROKER)
    assert done.stdout == "theirs theirs\n", done.stderr


def test_orders_have_a_queue_of_their_own(tmp_path: Path) -> None:
    script = (
        "from tasks import app; app.loader.import_default_modules(); queues = app.amqp.queues;"
        "print(sorted(queues.consume_from), queues['oneprefix.orders'].queue_arguments);"
        "route = lambda task: app.amqp.router.route({}, task)['queue'].name;"
        "print(route('tasks.delete_job'), route('tasks.package_and_upload'))"
    )
    for broker, arguments in (
        ("redis://127.0.0.1:1/0", None),
        ("amqp://127.0.0.1:1//", {"x-queue-type": "quorum"}),
    ):
        told = run(script, tmp_path, ONEPREFIX_BROKER_URL=broker)
        assert told.stdout.splitlines() == [
            f"['oneprefix.orders', 'uploads'] {arguments}",
            "oneprefix.orders uploads",
        ], told.stderr
