"""An orchestrator's unit tests: no worker, no broker, no S3, no file for the database."""

import os
import re
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path

import boto3
from moto import mock_aws

from tasks import app, enqueue, package_and_upload
from tasks.order_tasks import archive_job, delete_job
from tasks.services import services
from worker.database.jobs import add_job
from worker.errors import OrderFailed

results = Path(sys.argv[1])
for run in (4, 5):
    (results / f"RUN{run}").mkdir(parents=True)
    (results / f"RUN{run}" / "out.csv").write_text("1,2")
app.conf.task_always_eager = True
with mock_aws():
    boto3.client("s3").create_bucket(Bucket="results")
    services().upgrade_schema()
    add_job(services().engine, 12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC), [4, 5, 6])
    print(enqueue(12, 4, results / "RUN4").results_url)
    print(package_and_upload.delay(12, 5, results / "RUN5").get())
    print(enqueue(12, 6, results / "RUN6").state)
    print(enqueue(12, 4, results / "RUN4", replace=True, countdown=600).state)
    print(archive_job.delay(12).get())
    print(delete_job(12, "12", "ada", bucket="results"))
    try:
        delete_job(12, "13", "ada")
    except OrderFailed as error:
        print(error)
    print(boto3.client("s3").list_objects_v2(Bucket="results")["KeyCount"])
"""
PREFIX = "https://results.s3.amazonaws.com/jobs/12/2025/10/23/211500"


def test_uploads_are_done_at_once_in_the_callers_process(tmp_path: Path) -> None:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ONEPREFIX_", "AWS_"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", SCRIPT, tmp_path / "results"],
        cwd=tmp_path,
        env=kept
        | {
            "ONEPREFIX_DATABASE_URL": "sqlite://",
            "ONEPREFIX_S3_BUCKET": "results",
            "ONEPREFIX_RESULTS_ROOTS": str(tmp_path),
            "ONEPREFIX_BROKER_URL": "redis://127.0.0.1:1/0",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines() == [
        f"{PREFIX}/run_4_results.zip",
        f"{PREFIX}/run_5_results.zip",
        "RETRYING",
        "REQUESTED",
        "{'about to be uploaded anew': 1, 'now in GLACIER': 1}",
        "{'deleted': 2}",
        "job 12: this is no order to delete: confirm is not the job's id",
        "0",
    ], done.stderr


def test_the_unit_test_of_the_documentation_passes(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "celery.md").read_text()
    [block] = [
        each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def test_" in each
    ]
    (tmp_path / "test_orchestrator.py").write_text(block)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ONEPREFIX_", "AWS_", "PYTEST_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=kept | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout
