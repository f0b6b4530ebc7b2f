import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import AnswerError


class Flower:
    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, *, password: str = "pw") -> Any:
        request = urllib.request.Request(self._url + path)
        token = base64.b64encode(f"ops:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def is_up(self) -> bool:
        try:
            self.get("/api/tasks")
        except HTTPError:
            return True
        except (URLError, OSError):
            return False
        return True


@pytest.fixture
def flower(running: Cluster) -> Iterator[Flower]:
    """`celery -A tasks flower`, as the README has it."""
    log = running.directory / "flower.log"
    command = [sys.executable, "-m", "celery", "-A", "tasks", "flower", "--address=127.0.0.1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port=0"],
            env=running.environment
            | {
                "ONEPREFIX_BROKER_URL": running.operators_broker_url,
                "FLOWER_BASIC_AUTH": "ops:pw",
            },
            cwd=running.directory,
            stdout=output,
            stderr=output,
        )
    address = eventually(
        lambda: [word for word in log.read_text().split() if word.startswith("http://")],
        "Flower says where it is",
    )
    yield Flower(address[0].rstrip("/"))
    process.terminate()
    process.wait(timeout=30)


def test_flower_shows_a_retried_and_then_landed_upload(running: Cluster, flower: Flower) -> None:
    eventually(flower.is_up, "Flower is up")
    running.start_worker()
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
    with pytest.raises(HTTPError, match="401"):
        flower.get("/api/tasks", password="wrong")
