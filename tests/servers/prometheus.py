"""Debian's Prometheus, with a configuration of the test's."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from worker.embedded.loopback import HOST, free_port, wait_for
from worker.process.child_process import spawn

PROGRAM = shutil.which("prometheus")
RULES = Path(__file__).parents[2] / "deploy" / "monitoring" / "alerts.yml"


class Prometheus:
    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"

    def api(self, path: str, **arguments: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(arguments)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query: str) -> float | None:
        """The query's one value; None as long as there is none."""
        found = self.api("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = self.api("alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def answers(self) -> bool:
        try:
            return self.api("status/buildinfo") is not None
        except (URLError, ConnectionError):
            return False


@contextmanager
def prometheus(directory: Path, targets: Mapping[str, list[str]]) -> Iterator[Prometheus]:
    """A server that scrapes the jobs' targets every second, with the rules of `deploy/`."""
    assert PROGRAM
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": there}]}
            for job, there in targets.items()
        ],
    }
    directory.mkdir()
    file, port = directory / "prometheus.yml", free_port()
    file.write_text(json.dumps(config))  # which is YAML too
    with (directory / "log").open("wb") as log:
        process = spawn(
            [
                PROGRAM,
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={HOST}:{port}",
            ],
            output=log,
        )
    try:
        running = Prometheus(port)
        assert wait_for(running.answers, process, timeout=60), (directory / "log").read_text()
        yield running
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
