"""Under the policies of `deploy/iam`, as a store that refuses everything else would keep them."""

import subprocess
from collections.abc import Callable
from random import Random

import pytest
from botocore.exceptions import ClientError

from tests.cli.command import ONEPREFIX
from tests.deployment.test_iam import ACTIONS, policy
from tests.end_to_end.cluster import Cluster
from tests.servers.faults import AnswerError, S3Request
from tests.servers.postgres import with_least_rights

READING = [
    ["ls", "12"],
    ["urls", "12"],
    ["status", "12"],
    ["failed"],
    ["verify", "12", "4"],
    ["verify", "12", "4", "--deep"],
    ["contents", "12", "4"],
    ["cat", "12", "4", "RUN4/out.csv"],
    ["fetch", "12", "--to", "fetched"],
    ["inventory", "--since", "2025-01-01"],
    ["orders", "show"],
]


def forbidden(running: Cluster, role: str) -> Callable[[S3Request], bool]:
    """Whether S3 answers AccessDenied to who has that policy."""
    allowed = {action for statement in policy(role) for action in statement["Action"]}

    def is_refused(request: S3Request) -> bool:
        needed = ACTIONS.get(request.operation, {f"s3:{request.operation}"})
        if not needed <= allowed or (request.key and not request.key.startswith("jobs/")):
            return True
        # so it answers for what is not there, to who may not list
        return request.operation == "HeadObject" and not (
            "s3:ListBucket" in allowed or is_there(running, request.key)
        )

    return is_refused


def is_there(running: Cluster, key: str) -> bool:
    try:
        running.strict.upstream.head_object(Bucket=running.strict.bucket, Key=key)
    except ClientError:
        return False
    return True


def make_run(running: Cluster, run_id: int, size: int) -> str:
    directory = running.results / f"RUN{run_id}"
    directory.mkdir()
    (directory / "out.csv").write_bytes(Random(run_id).randbytes(size))
    return str(directory)


def test_a_workers_policy_is_enough_for_uploads_of_one_put_of_parts_and_of_a_resumed_one(
    running: Cluster,
) -> None:
    running.strict.proxy.fault(forbidden(running, "worker"), AnswerError(403, "AccessDenied"))
    running.start_worker()
    running.send(12, 4, make_run(running, 4, 1000))
    running.send(12, 5, make_run(running, 5, 20 << 20))
    assert running.wait_for(12, 4).attempt == 1
    assert running.wait_for(12, 5).attempt == 1
    running.strict.proxy.fault(
        lambda request: request.operation == "UploadPart" and request.part_number == 2,
        AnswerError(503, "SlowDown"),
        times=8,
    )
    running.send(12, 6, make_run(running, 6, 20 << 20))
    assert running.wait_for(12, 6).attempt > 1
    assert running.open_multipart_uploads() == []


@pytest.fixture
def landed(running: Cluster) -> Cluster:
    running.start_worker()
    running.send(12, 4, make_run(running, 4, 1000))
    running.wait_for(12, 4)
    running.stop()
    return running


@pytest.mark.thorough("runs every command that reads")
def test_a_readers_policy_and_role_are_enough_to_look_and_to_fetch(landed: Cluster) -> None:
    landed.strict.proxy.fault(forbidden(landed, "reader"), AnswerError(403, "AccessDenied"))
    owners_url = landed.engine.url.render_as_string(hide_password=False)
    environment = landed.environment | {
        "ONEPREFIX_DATABASE_URL": with_least_rights(owners_url, "reader")
    }
    for command in READING:
        done = subprocess.run(
            [*ONEPREFIX, *command],
            env=environment,
            cwd=landed.directory,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        assert b"denied" not in done.stdout + done.stderr, command
    deleting = subprocess.run(
        [*ONEPREFIX, "delete", "12", "--yes", "--json"],
        env=environment,
        cwd=landed.directory,
        capture_output=True,
        check=False,
    )
    assert deleting.returncode == 1
    assert b"Traceback" not in deleting.stderr
    row = landed.row(12, 4)
    assert row is not None
    assert is_there(landed, row.s3_key or "")
