"""Programs beside ours, with modules of the same names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import ONEPREFIX
from tests.end_to_end.cluster import eventually
from worker.embedded.broker import EmbeddedBroker

CONF = "import json, tasks; print(json.dumps([tasks.app.conf[n] for n in json.loads(input())]))"
NAMES = ["task_acks_late", "worker_prefetch_multiplier", "task_default_queue"]


def environment(directory: Path, broker_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEPREFIX_")}
    return kept | {
        "ONEPREFIX_BROKER_URL": broker_url,
        "ONEPREFIX_DATA_DIR": str(directory / "data"),
        "ONEPREFIX_S3_BUCKET": "b",
        "ONEPREFIX_RESULTS_ROOTS": str(directory),
        "AWS_REGION": "us-east-1",
    }


def test_another_programs_celeryconfig_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "celeryconfig.py").write_text(
        "task_acks_late = False\nworker_prefetch_multiplier = 4\ntask_default_queue = 'theirs'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", CONF],
        cwd=tmp_path,
        env=environment(tmp_path, "redis://127.0.0.1:1/0"),
        input=json.dumps(NAMES),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [True, 1, "uploads"]


def test_a_worker_starts_beside_modules_of_its_own_names(tmp_path: Path) -> None:
    for name in ("tasks.py", "worker.py", "cli.py", "celeryconfig.py"):
        (tmp_path / name).write_text("raise SystemExit('another program')\n")
    broker = EmbeddedBroker(tmp_path / "broker")
    log = tmp_path / "log"
    command = [*ONEPREFIX, "worker", "--concurrency=1"]
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [*command, "--loglevel=INFO"],
            cwd=tmp_path,
            env=environment(tmp_path, broker.start()),
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: b" ready." in log.read_bytes(), "the worker is ready")
        # its recovery process too: without a schema it tells so every second
        eventually(lambda: b"oneprefix db upgrade" in log.read_bytes(), "recovery runs")
    finally:
        worker.terminate()
        worker.wait(timeout=30)
        broker.stop()
    assert b"another program" not in log.read_bytes()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--prefetch-multiplier=4", "worker_prefetch_multiplier is 4, not 1: small uploads"),
        ("task.acks_late=no", "task_acks_late is False, not True: a worker that dies"),
    ],
)
def test_a_worker_whose_settings_break_a_guarantee_refuses_to_start(
    tmp_path: Path, option: str, says: str
) -> None:
    after = [option] if option.startswith("-") else ["--", option]
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", *after],
        cwd=tmp_path,
        env=environment(tmp_path, "redis://127.0.0.1:1/0"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert says in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
