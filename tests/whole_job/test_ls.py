"""`oneprefix ls`, and the use case behind it."""

import pytest
from sqlalchemy import text

from tests.servers.faults import AnswerError
from tests.servers.s3 import S3Server
from tests.servers.strict_bucket import only_moto, only_rclone
from tests.whole_job.conftest import Installation
from worker.database.jobs import add_job
from worker.errors import JobNotFound, StorageRefused
from worker.models.artifact import ArtifactKind
from worker.models.upload import UploadState
from worker.models.upload_request import UploadRequest


def ask(installed: Installation, run_id: int) -> None:
    path = str(installed.results / f"RUN{run_id}")
    installed.services.requests.request(UploadRequest(12, run_id, path), published=True)


def test_each_artifact_is_found_and_each_run_that_has_none_is_named(
    installed: Installation,
) -> None:
    key = installed.land(4)
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    installed.put(ArtifactKind.JOB_INPUT, b"PK")
    installed.put(ArtifactKind.RUN_LOGS, b"hello", 4)
    installed.put(ArtifactKind.RUN_CONFIG, b"{}", 5)
    installed.put_key(f"{installed.prefix.base_prefix}/notes.txt", b"by hand")
    ask(installed, 5)

    findings = installed.services.find_artifacts(12)
    assert [(each.kind, each.run_id) for each in findings.found] == [
        (ArtifactKind.JOB_CONFIG, None),
        (ArtifactKind.JOB_INPUT, None),
        (None, None),
        (ArtifactKind.RUN_LOGS, 4),
        (ArtifactKind.RUN_RESULTS, 4),
        (ArtifactKind.RUN_CONFIG, 5),
    ]
    [results] = [each for each in findings.found if each.kind is ArtifactKind.RUN_RESULTS]
    row = installed.services.upload_list.find(12, 4)
    assert row
    assert (results.key, results.size) == (key, row.archive_size)
    assert results.checksum == row.checksum
    assert results.storage_class == "STANDARD"
    assert [(each.run_id, each.state, each.why) for each in findings.missing] == [
        (5, UploadState.REQUESTED, "its upload waits for a worker"),
        (6, None, "nobody has asked for its upload"),
    ]


def test_where_results_lie_that_landed_before_the_jobs_time_was_changed_is_told(
    installed: Installation,
) -> None:
    key = installed.land(4)
    with installed.services.engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET created_at = '2025-10-24 00:00:00'"))
    missing = {each.run_id: each.why for each in installed.services.find_artifacts(12).missing}
    row = installed.services.upload_list.find(12, 4)
    assert row
    assert f"its object lies at {row.results_url}, as the job's created_at was" in missing[4]
    assert str(row.results_url).endswith(key)
    assert "oneprefix migrate 12" in missing[4]


def test_why_a_run_has_not_landed_is_told(installed: Installation) -> None:
    services = installed.services
    installed.strict.upstream.delete_object(Bucket=installed.strict.bucket, Key=installed.land(4))
    for run_id in (5, 6):
        ask(installed, run_id)
        claimed = services.uploads.claim(12, run_id, owner="me", lease=60)
        assert claimed
        if run_id == 6:
            services.uploads.fail(claimed, error="job 12, run 6: the disk is gone", traceback="")
    told = {each.run_id: each.why for each in services.find_artifacts(12).missing}
    assert told == {
        4: "it had landed, but its object is gone",
        5: "it is being uploaded",
        6: "job 12, run 6: the disk is gone",
    }


def test_a_job_does_not_see_the_artifacts_of_a_job_whose_id_begins_alike(
    installed: Installation,
) -> None:
    add_job(installed.services.engine, 1, installed.prefix.timestamp, [40])
    installed.land(4)
    assert installed.services.find_artifacts(1).found == []
    installed.put_key(f"{installed.prefix.base_prefix}9/run_4_results.zip")
    assert len(installed.services.find_artifacts(12).found) == 1


@only_rclone  # which takes them as files, within a second
def test_twenty_five_thousand_objects_take_one_request_for_each_thousand(
    installed: Installation, rclone: S3Server
) -> None:
    assert rclone.directory
    beneath = rclone.directory / installed.strict.bucket / installed.prefix.base_prefix
    beneath.mkdir(parents=True)
    for run_id in range(1, 25_001):
        (beneath / f"run_{run_id}_logs.log").write_bytes(b"x")
    before = len(installed.strict.proxy.requests)
    findings = installed.services.find_artifacts(12)
    assert {each.run_id for each in findings.found} == set(range(1, 25_001))
    asked = installed.strict.proxy.requests[before:]
    assert [each.operation for each in asked] == ["ListObjectsV2"] * 25


def test_unknown_jobs_and_stores_that_refuse_are_told_in_one_line(
    installed: Installation,
) -> None:
    with pytest.raises(JobNotFound, match=r"^job 13: there is no such job$"):
        installed.services.find_artifacts(13)
    installed.strict.proxy.fault(
        lambda request: request.operation == "ListObjectsV2", AnswerError(403, "AccessDenied")
    )
    with pytest.raises(StorageRefused, match=r"listing jobs/12/.* AccessDenied"):
        installed.services.find_artifacts(12)


@only_moto
def test_the_command_shows_it_as_a_table_a_tree_and_json(installed: Installation) -> None:
    installed.land(4)
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    shown = installed.oneprefix("ls", "12")
    assert shown.code == 0, shown
    lines = shown.out.splitlines()
    assert "run_4_results.zip" in lines[2]
    assert "CRC32:" in lines[2]
    assert lines[3:5] == [
        "run 5 is not there: nobody has asked for its upload",
        "run 6 is not there: nobody has asked for its upload",
    ]
    assert lines[5].startswith("2 artifacts, ")
    tree = installed.oneprefix("ls", "12", "--tree").out
    assert tree.startswith("jobs/12/2025/10/23/211500/\n├── job_config.json  2 B\n└── run 4\n")
    told = installed.oneprefix("ls", "12", "--json").json
    assert [each["kind"] for each in told["found"]] == ["job_config", "run_results"]
    assert [each["run_id"] for each in told["missing"]] == [5, 6]
    refused = installed.oneprefix("ls", "13")
    assert (refused.code, refused.err) == (1, "oneprefix: job 13: there is no such job\n")
