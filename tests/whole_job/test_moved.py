"""What reads a job's artifacts follows its rows: to another bucket, and to one version."""

from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from sqlalchemy import text

from tests.servers.faults import AnswerError
from tests.servers.strict_bucket import only_moto, only_rclone
from tests.whole_job.conftest import Installation
from tests.worker.packaging.hostile import archive
from worker.models.artifact import ArtifactKind
from worker.models.upload_request import UploadRequest


@pytest.fixture
def cold(installed: Installation) -> str:
    """The bucket that all of job 12's artifacts are moved to: two runs, a config and logs."""
    for run_id in (4, 5):
        installed.land(run_id)
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    installed.put(ArtifactKind.RUN_LOGS, b"hello", 4)
    name = f"{installed.strict.bucket}-cold"
    installed.strict.upstream.create_bucket(Bucket=name)
    moved = installed.oneprefix(
        "archive", "12", "--to-bucket", name, "--storage-class", "STANDARD_IA"
    )
    assert moved.code == 0, moved
    assert installed.strict.stored() == {}
    return name


def name_results(installed: Installation, url: str) -> None:
    with installed.services.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET results_url = :url WHERE id = 4"), {"url": url})


def test_ls_urls_and_fetch_find_all_that_was_moved(
    installed: Installation, cold: str, tmp_path: Path
) -> None:
    found = installed.oneprefix("ls", "12", "--json").json
    names = ["job_config.json", "run_4_logs.log", "run_4_results.zip", "run_5_results.zip"]
    assert [each["key"].rpartition("/")[2] for each in found["found"]] == names
    assert {each["bucket"] for each in found["found"]} == {cold}
    assert [each["run_id"] for each in found["missing"]] == [6]
    assert cold in installed.oneprefix("ls", "12").out.splitlines()[1]
    assert f"in {cold}" in installed.oneprefix("ls", "12", "--tree").out

    located = installed.oneprefix("urls", "12", "--json").json["urls"]
    assert {each["bucket"] for each in located} == {cold}
    with urlopen(located[1]["url"], timeout=20) as answer:
        assert answer.read() == b"hello"
    done = installed.oneprefix("fetch", "12", "--to", str(tmp_path / "to"), "--json")
    assert (done.code, len(done.json["fetched"])) == (0, 4)
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == names


def test_contents_cat_and_verify_read_where_the_row_says(
    installed: Installation, cold: str
) -> None:
    assert "RUN4/out.csv" in installed.oneprefix("contents", "12", "4").out
    assert installed.oneprefix("cat", "12", "4", "RUN4/out.csv").out == "t,x\n0,1\n"
    verified = installed.oneprefix("verify", "12", "4", "--deep", "--json")
    assert (verified.code, verified.json["counts"]) == (0, {"verified": 1, "unrecorded": 1})
    assert {each["bucket"] for each in verified.json["judged"]} == {cold}
    installed.strict.upstream.delete_object(Bucket=cold, Key=installed.prefix.run_results_key(5))
    gone = installed.oneprefix("contents", "12", "5")
    assert (gone.code, gone.err) == (
        1,
        (
            "oneprefix: job 12, run 5: its results had landed, but"
            f" s3://{cold}/{installed.prefix.run_results_key(5)} is gone\n"
        ),
    )


def test_each_object_is_read_in_its_own_bucket(installed: Installation, cold: str) -> None:
    again = UploadRequest(12, 4, str(installed.results / "RUN4"), replace=True)
    assert installed.services.upload_results(again)
    installed.put(ArtifactKind.JOB_CONFIG, b"newer")
    own = installed.strict.bucket
    found = installed.services.find_artifacts(12).found
    assert [(each.bucket, each.key.rpartition("/")[2]) for each in found] == [
        (own, "job_config.json"),
        (cold, "run_4_logs.log"),
        (own, "run_4_results.zip"),
        (cold, "run_5_results.zip"),
    ]
    assert installed.oneprefix("verify", "12", "5").code == 0


@only_moto  # rclone knows no archives
def test_restore_asks_where_the_rows_say(installed: Installation) -> None:
    installed.land(4)
    cold = f"{installed.strict.bucket}-cold"
    installed.strict.upstream.create_bucket(Bucket=cold)
    assert installed.oneprefix("archive", "12", "--to-bucket", cold).code == 0
    refused = installed.oneprefix("cat", "12", "4", "RUN4/out.csv")
    assert "`oneprefix restore` it first" in refused.err
    assert "1 asked for, Standard" in installed.oneprefix("restore", "12", "--days", "7").out
    assert installed.oneprefix("cat", "12", "4", "RUN4/out.csv").code == 0


def test_a_bucket_that_may_not_be_read_is_named_in_one_line(
    installed: Installation, cold: str
) -> None:
    installed.strict.proxy.fault(
        lambda request: request.bucket == cold, AnswerError(403, "AccessDenied")
    )
    for command in ("ls", "urls", "verify"):
        answer = installed.oneprefix(command, "12")
        assert (answer.code, answer.err.count("\n")) == (1, 1)
        assert f"listing s3://{cold}/jobs/12/" in answer.err


@pytest.fixture
def versions(installed: Installation) -> tuple[str, str]:
    """The key of run 4's results, and the version that the run's row names; a newer one stands."""
    upstream, bucket = installed.strict.upstream, installed.strict.bucket
    upstream.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    key = installed.land(4)
    version = upstream.head_object(Bucket=bucket, Key=key)["VersionId"]
    installed.put_key(key, archive(("RUN4/out.csv", b"newer")))
    name_results(installed, f"{installed.services.bucket.url(key)}?versionId={version}")
    return key, version


@only_moto  # rclone keeps no versions
class TestAVersion:
    def test_is_the_one_that_every_command_reads(
        self, installed: Installation, versions: tuple[str, str], tmp_path: Path
    ) -> None:
        key, version = versions
        upstream, bucket = installed.strict.upstream, installed.strict.bucket
        older: Any = upstream.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
        for is_newest_there in (True, False):
            assert installed.oneprefix("cat", "12", "4", "RUN4/out.csv").out == "t,x\n0,1\n"
            assert "RUN4/logs/solver.log" in installed.oneprefix("contents", "12", "4").out
            [located] = installed.oneprefix("urls", "12", "4", "--json").json["urls"]
            assert f"versionId={version}" in located["url"]
            if is_newest_there:  # or else moto refuses every URL
                with urlopen(located["url"], timeout=20) as answer:
                    assert answer.read() == older
            assert installed.oneprefix("fetch", "12", "4", "--to", str(tmp_path)).code == 0
            assert (tmp_path / "run_4_results.zip").read_bytes() == older
            assert installed.oneprefix("verify", "12", "4", "--deep").code == 0
            found = installed.services.find_artifacts(12).found
            assert [each.size for each in found] == [len(older)]
            (tmp_path / "run_4_results.zip").unlink()
            upstream.delete_object(Bucket=bucket, Key=key)  # leaves a marker, and all versions

    def test_that_is_gone_is_not_replaced_by_a_newer_one(
        self, installed: Installation, versions: tuple[str, str]
    ) -> None:
        key, version = versions
        place: Any = {"Bucket": installed.strict.bucket, "Key": key, "VersionId": version}
        installed.strict.upstream.delete_object(**place)
        gone = installed.oneprefix("cat", "12", "4", "RUN4/out.csv")
        assert (gone.code, gone.out, gone.err.count("\n")) == (1, "", 1)
        assert f"{key} in version {version} is gone" in gone.err
        assert installed.oneprefix("urls", "12", "4").code == 1
        assert installed.oneprefix("verify", "12", "4").code == 1

    def test_is_not_left_behind_by_a_move(
        self, installed: Installation, versions: tuple[str, str]
    ) -> None:
        key, version = versions
        cold = f"{installed.strict.bucket}-cold"
        installed.strict.upstream.create_bucket(Bucket=cold)
        answer = installed.oneprefix("archive", "12", "--to-bucket", cold)
        assert (answer.code, answer.err.count("\n")) == (1, 1)
        assert f"its results_url names version {version} of it" in answer.err
        assert installed.strict.stored().keys() == {key}


@only_rclone
def test_a_version_is_refused_where_the_store_keeps_none(installed: Installation) -> None:
    key = installed.land(4)
    name_results(installed, f"{installed.services.bucket.url(key)}?versionId=3")
    for command in (("cat", "12", "4", "RUN4/out.csv"), ("ls", "12"), ("urls", "12", "4")):
        answer = installed.oneprefix(*command)
        assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
        assert "the store keeps no versions, and 3 is asked for" in answer.err
