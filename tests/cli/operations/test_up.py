import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.command import ONEPREFIX, Command
from tests.end_to_end.cluster import eventually
from tests.servers.s3 import S3Server
from tests.servers.strict_bucket import Strict
from worker.database.engine import make_engine
from worker.database.jobs import add_job


@pytest.fixture(scope="session", params=["moto"])
def upstream(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def configured(oneprefix: Command, strict: Strict, tmp_path: Path) -> Command:
    """A bucket and a results root are set, no broker and no database."""
    root = tmp_path / "results"
    (root / "RUN4").mkdir(parents=True)
    (root / "RUN4" / "out.csv").write_text("1,2\n" * 100)
    return replace(
        oneprefix,
        environment=oneprefix.environment
        | strict.proxy.server.environment()
        | {
            "ONEPREFIX_S3_BUCKET": strict.bucket,
            "ONEPREFIX_RESULTS_ROOTS": str(root),
            "ONEPREFIX_RECOVERY_SECONDS": "0.5",
        },
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "up.log"


@pytest.fixture
def up(configured: Command, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = configured.start("up", "--concurrency", "1", log=log)
    eventually(lambda: b" ready." in log.read_bytes(), "the worker is ready")
    engine = make_engine(f"sqlite:///{configured.directory}/data/oneprefix.db")
    add_job(engine, 12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC), [4, 5])
    engine.dispose()
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= {int(child)} | descendants(int(child))
    return found


def named(pids: set[int], word: bytes) -> list[int]:
    return [pid for pid in pids if word in Path(f"/proc/{pid}/cmdline").read_bytes()]


def gone(pids: set[int]) -> bool:
    return not any(
        Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
        for pid in pids
    )


def test_up_serves_enqueue_and_status_without_any_other_configuration(
    up: subprocess.Popen[bytes], configured: Command, strict: Strict
) -> None:
    directory = str(configured.directory / "results" / "RUN4")
    answer = configured("enqueue", "12", "4", directory, "--wait")
    assert answer.code == 0, answer
    key = "jobs/12/2025/10/23/211500/run_4_results.zip"
    url = f"{strict.proxy.server.endpoint}/{strict.bucket}/{key}"
    assert answer.out == f"job 12, run 4 landed: {url}\n"
    assert list(strict.stored()) == [key]
    again = configured("enqueue", "12", "4", directory, "--json")
    assert (again.json["state"], again.json["results_url"]) == ("LANDED", url)
    anew = configured("enqueue", "12", "4", directory, "--replace", "--wait", "--json")
    assert (anew.json["state"], anew.json["fence"]) == ("LANDED", 3)
    failed = configured("enqueue", "12", "99", directory, "--wait")
    assert failed.code == 1
    assert failed.err == "oneprefix: job 12, run 99: there is no such run\n"
    assert "LANDED" in configured("status").out


def test_a_worker_and_a_broker_that_die_are_started_again(
    up: subprocess.Popen[bytes], configured: Command, log: Path
) -> None:
    for word in (b"tasks.worker", b"valkey-server"):
        for pid in named(descendants(up.pid), word):
            subprocess.run(["kill", "-9", str(pid)], check=False)
    eventually(lambda: b"The embedded broker died" in log.read_bytes(), "the broker is back")
    eventually(lambda: b"The worker died" in log.read_bytes(), "the worker is back")
    eventually(lambda: log.read_bytes().count(b" ready.") == 2, "the worker is ready again")
    directory = str(configured.directory / "results" / "RUN4")
    assert configured("enqueue", "12", "4", directory, "--wait").code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_everything(
    up: subprocess.Popen[bytes], log: Path, number: signal.Signals
) -> None:
    below = descendants(up.pid)
    assert len(below) >= 4  # broker, worker, its child, its recovery
    up.send_signal(number)
    assert up.wait(timeout=60) == 0
    assert b"Stopped." in log.read_bytes()
    assert gone(below)


def test_nothing_outlives_a_killed_up(up: subprocess.Popen[bytes]) -> None:
    below = descendants(up.pid)
    up.kill()
    up.wait()
    eventually(lambda: gone(below), "everything is gone")


def test_what_is_missing_is_said_in_one_line(oneprefix: Command) -> None:
    answer = oneprefix("up")
    assert answer.code == 1
    assert answer.err.startswith("oneprefix: ONEPREFIX_S3_BUCKET is not set")
    assert answer.err.count("\n") == 1


def test_with_json_all_that_is_printed_is_json_and_the_directory_does_not_matter(
    configured: Command, tmp_path: Path
) -> None:
    for name in ("tasks", "worker", "cli"):  # not ours
        (tmp_path / "elsewhere" / name).mkdir(parents=True)
        (tmp_path / "elsewhere" / name / "__init__.py").write_text("")
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [*ONEPREFIX, "up", "--json"],
            cwd=tmp_path / "elsewhere",
            env=configured.surroundings,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        eventually(lambda: b" ready." in err.read_bytes(), "the worker is ready")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        process.terminate()
        process.wait(timeout=60)
        sys.stdout.write(err.read_text())  # shown if the test has failed
    events = [json.loads(line)["event"] for line in out.read_text().splitlines()]
    assert events[:2] == ["The embedded broker is up.", "A worker is up."]
    assert events[-1] == "Stopped."


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"ONEPREFIX_S3_BUCKET": "not-there"}, "NoSuchBucket"),
        ({"ONEPREFIX_RESULTS_ROOTS": "/not/there"}, "results, /not/there: "),
        ({"ONEPREFIX_BROKER_URL": "redis://127.0.0.1:1/0"}, "broker, reachable: ConnectionError"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "S3, bucket: "),
    ],
    ids=["bucket", "root", "broker", "store"],
)
def test_what_can_not_be_used_is_told_before_any_worker_is_up(
    configured: Command, wrong: dict[str, str], says: str
) -> None:
    answer = replace(configured, environment=configured.environment | wrong)("up", timeout=60)
    assert answer.code == 1
    assert answer.err.startswith("oneprefix: ")
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert "A worker is up" not in answer.out


ENDS = """
import os, sys

if "tasks.worker" in sys.orig_argv:
    os.write(2, b"this worker can't start\\n")
    os._exit(3)
"""


def test_a_worker_that_can_not_start_ends_it_after_three_times(
    configured: Command, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text(ENDS)
    own = configured.environment | {"PYTHONPATH": str(tmp_path / "own")}
    process = replace(configured, environment=own).start("up", log=tmp_path / "log")
    assert process.wait(timeout=60) == 1
    log = (tmp_path / "log").read_text()
    assert log.count("this worker can't start") == 3
    assert "oneprefix: the worker ended with 3 right after its start, 3 times" in log
    assert "Traceback" not in log


def test_a_log_level_that_does_not_exist_is_wrong_use(configured: Command) -> None:
    assert configured("up", "--log-level", "loud").code == 2
