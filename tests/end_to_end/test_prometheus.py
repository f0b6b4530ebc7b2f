"""Prometheus scrapes a real worker and the installation while uploads land and fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.postgres import with_least_rights
from tests.servers.prometheus import PROGRAM, Prometheus, prometheus
from tests.worker.packaging.trees import make
from worker.bootstrap.services import Services
from worker.embedded.loopback import free_port
from worker.metrics.server import MetricsServer
from worker.models.upload import UploadState
from worker.settings import Settings

pytestmark = [
    pytest.mark.skipif(
        PROGRAM is None, reason="Prometheus is not installed: apt-get install prometheus"
    ),
    pytest.mark.thorough("half a minute: Prometheus, workers and uploads that fail"),
]


@contextmanager
def installation_served(running: Cluster) -> Iterator[str]:
    """Where the installation's metrics are, read as the role that only reads."""
    owners = running.engine.url.render_as_string(hide_password=False)
    services = Services(Settings(database_url=with_least_rights(owners, "reader")))
    with MetricsServer("127.0.0.1", 0, services.metrics) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            services.engine.dispose()


@contextmanager
def watched(running: Cluster, directory: Path, ports: list[int]) -> Iterator[Prometheus]:
    with installation_served(running) as installation:
        workers = [f"127.0.0.1:{port}" for port in ports]
        jobs = {"oneprefix": [installation], "oneprefix-worker": workers}
        with prometheus(directory, jobs) as scraping:
            yield scraping


def test_it_has_what_landed_and_what_failed_and_the_alert_fires(
    running: Cluster, tmp_path: Path
) -> None:
    ports = [free_port(), free_port()]
    with watched(running, tmp_path / "prometheus", ports) as scraping:

        def becomes(query: str, value: float) -> None:
            eventually(lambda: scraping.value(query) == value, f"{query} is {value}")

        becomes("sum(up)", 1)  # the installation's
        for port in ports:
            running.start_worker(ONEPREFIX_METRICS_PORT=str(port))
        becomes('sum(up{job="oneprefix-worker"})', 2)
        becomes("sum(oneprefix_worker_processes)", 4)
        becomes("max(oneprefix_uploads_ended_total)", 0)
        for run_id in (4, 5):
            make(running.results / f"RUN{run_id}", {"out.csv": b"1,2\n" * 10_000})
            running.enqueue(12, run_id, str(running.results / f"RUN{run_id}"))
            running.wait_for(12, run_id)
        running.enqueue(12, 6, str(running.results / "RUN6"))  # it does not exist
        running.wait_for(12, 6, UploadState.FAILED)
        becomes('oneprefix_uploads{state="LANDED"}', 2)
        becomes('oneprefix_uploads{state="FAILED"}', 1)
        size = running.scalar("SELECT sum(archive_size) FROM uploads")
        becomes("oneprefix_landed_bytes_total", float(size))
        becomes("sum(oneprefix_worker_archive_bytes_total)", float(size))
        becomes("sum(oneprefix_worker_packed_bytes_total)", 80_000)
        becomes("sum(oneprefix_worker_enqueue_to_land_seconds_count)", 2)
        becomes("sum(oneprefix_worker_attempts_total)", 5)
        becomes('sum(oneprefix_worker_retries_total{cause="ResultsDirectoryMissing"})', 2)
        becomes('sum(oneprefix_worker_failures_total{cause="AttemptsExhausted"})', 1)
        eventually(lambda: scraping.firing() == {"OneprefixUploadsFail"}, "the alert fires")
        rules = scraping.api("rules")["groups"][0]["rules"]
        assert {each["health"] for each in rules} == {"ok"}
        quantile = "histogram_quantile(0.5, sum by (le) (oneprefix_worker_stage_seconds_bucket))"
        assert 0 < (scraping.value(quantile) or 0) < 60
