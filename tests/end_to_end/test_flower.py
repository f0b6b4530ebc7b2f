import base64
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import AnswerError


class Flower:
    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, path: str) -> str:
        return self._url + path

    def get(self, path: str, *, password: str = "pw") -> Any:
        request = urllib.request.Request(self._url + path)
        token = base64.b64encode(f"ops:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def listed(self) -> list[dict[str, Any]]:
        """The rows of the page that lists tasks."""
        query = "draw=1&start=0&length=10&order[0][column]=0&columns[0][data]=received"
        return list(self.get(f"/tasks/datatable?{query}")["data"])

    def hears_a_worker(self) -> bool:
        """Whether events arrive; what was told before is never known."""
        return bool(self.get("/workers?json=1")["data"])

    def is_up(self) -> bool:
        try:
            self.get("/api/tasks")
        except HTTPError:
            return True
        except (URLError, OSError):
            return False
        return True


@contextmanager
def started(running: Cluster, *command: str) -> Iterator[tuple[Flower, subprocess.Popen[bytes]]]:
    log = running.directory / "flower.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "--address=127.0.0.1", "--port=0"],
            env=running.environment
            | {
                "ONEPREFIX_BROKER_URL": running.operators_broker_url,
                "FLOWER_BASIC_AUTH": "ops:pw",
            },
            cwd=running.directory,
            stdout=output,
            stderr=output,
        )
    try:
        address = eventually(
            lambda: [word for word in log.read_text().split() if word.startswith("http://")],
            "Flower says where it is",
        )
        shown = Flower(address[0].rstrip("/"))
        eventually(shown.is_up, "Flower is up")
        yield shown, process
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def flower(running: Cluster) -> Iterator[Flower]:
    """`celery -A tasks flower`, as the README has it."""
    with started(running, "-m", "celery", "-A", "tasks", "flower") as (shown, _):
        yield shown


def test_flower_shows_a_retried_and_then_landed_upload(running: Cluster, flower: Flower) -> None:
    running.start_worker()
    eventually(flower.hears_a_worker, "Flower hears the worker")
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1,2\n")
    running.strict.proxy.fault(
        lambda request: request.operation == "PutObject", AnswerError(503, "SlowDown")
    )
    task_id = running.send(12, 4, str(running.results / "RUN4"))

    def state() -> Any:
        return flower.get("/api/tasks").get(task_id, {}).get("state")

    eventually(lambda: state() == "RETRY", "RETRY is shown")
    running.strict.proxy.mend()
    running.wait_for(12, 4)
    eventually(lambda: state() == "SUCCESS", "SUCCESS is shown")
    assert flower.get("/api/tasks")[task_id]["retries"] >= 1
    [shown] = flower.listed()
    assert (shown["name"], shown["state"]) == ("job 12 run 4", "SUCCESS")
    assert shown["result"].endswith("/jobs/12/2025/10/23/211500/run_4_results.zip")
    with pytest.raises(HTTPError, match="401"):
        flower.get("/api/tasks", password="wrong")


def test_flowers_history_survives_its_kill(running: Cluster) -> None:
    """As `oneprefix up --flower` and compose run it, but that they save every five seconds."""
    saved = running.directory / "flower"
    options = ("--persistent=True", f"--db={saved}", "--state_save_interval=500")
    command = ("-m", "tasks.monitor", *options)
    (running.results / "RUN4").mkdir()
    (running.results / "RUN4" / "out.csv").write_text("1,2\n")
    running.start_worker()
    with started(running, *command) as (flower, process):
        eventually(flower.hears_a_worker, "Flower hears the worker")
        task_id = running.send(12, 4, str(running.results / "RUN4"))
        running.wait_for(12, 4)
        eventually(
            lambda: flower.get("/api/tasks").get(task_id, {}).get("state") == "SUCCESS", "shown"
        )
        seen_at = time.time()
        eventually(
            lambda: any(
                file.stat().st_mtime > seen_at + 1
                for file in saved.parent.glob("flower*")
                if file.suffix != ".log"
            ),
            "saved",
        )
        process.kill()
        process.wait()
    with started(running, *command) as (flower, _):
        assert [each["name"] for each in flower.listed()] == ["job 12 run 4"]
