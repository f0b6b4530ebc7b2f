"""`oneprefix put`, and the use cases behind it."""

import json
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from zlib import crc32

import pytest

from tests.servers.faults import AnswerError, CorruptBody
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation
from tests.worker.packaging.trees import MIB, content
from worker.database.jobs import add_job
from worker.errors import (
    ExpiryRefused,
    FileUnusable,
    InvalidRequest,
    JobNotFound,
    RunNotFound,
    RunNotInJob,
    StorageRefused,
    StorageUnavailable,
)
from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.presigned_url import UploadLocation
from worker.storage.objects.checksums import encode_crc32

only_rclone = pytest.mark.parametrize("upstream", ["rclone"], indirect=True)
HOUR = timedelta(hours=1)


def put(location: UploadLocation, body: bytes, **headers: str) -> int:
    """By a plain HTTP client."""
    sent = dict(location.headers) | headers
    try:
        with urlopen(Request(location.url, body, sent, method="PUT"), timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def head(installed: Installation, key: str) -> dict[str, object]:
    client, bucket = installed.strict.upstream, installed.strict.bucket
    return dict(client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED"))


def test_each_kind_has_a_location_under_the_prefix_that_takes_its_bytes(
    installed: Installation,
) -> None:
    submit, prefix = installed.services.submit_artifact, installed.prefix
    locations = {
        prefix.job_config_key(): submit.submit_job_config(12),
        prefix.job_input_key(): submit.submit_job_input(12),
        prefix.run_config_key(4): submit.submit_run_config(12, 4),
        prefix.run_logs_key(4): submit.submit_run_logs(12, 4),
    }
    for key, location in locations.items():
        assert location.key == key
        assert location.url not in repr(location)
        assert put(location, key.encode()) == 200
    assert installed.strict.stored() == {key: key.encode() for key in locations}
    types = {key: head(installed, key)["ContentType"] for key in locations}
    assert list(types.values()) == [
        "application/json",
        "application/zip",
        "application/json",
        "text/plain; charset=utf-8",
    ]


@only_rclone
def test_content_type_and_headers_are_signed(installed: Installation) -> None:
    location = installed.services.submit_artifact.submit_job_config(12)
    assert put(location, b"{}", **{"Content-Type": "text/html"}) == 403
    assert installed.strict.stored() == {}
    assert put(location, b"{}") == 200


@only_moto
def test_encryption_is_signed_in_and_applied(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted = {
        "ONEPREFIX_SERVER_SIDE_ENCRYPTION": "aws:kms",
        "ONEPREFIX_KMS_KEY_ID": "alias/results",
    }
    told = installed.oneprefix("put", "12", "config", "--location", "--json", **encrypted).json
    assert told["headers"] == {
        "Content-Type": "application/json",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "alias/results",
    }
    for name in ("content-type", "host", *(name for name in told["headers"] if "amz" in name)):
        assert name in told["url"]
    file = installed.results / "config.json"
    file.write_bytes(b"{}")
    assert installed.oneprefix("put", "12", "config", str(file), **encrypted).code == 0
    stored = head(installed, installed.prefix.job_config_key())
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", "alias/results")
    assert stored["ChecksumCRC32"] == encode_crc32(crc32(b"{}"))


def test_a_location_is_good_until_it_says(installed: Installation) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    location = installed.services.submit_artifact.submit_run_logs(12, 4, timedelta(minutes=5))
    assert timedelta(minutes=5) <= location.expires_at - before < timedelta(minutes=6)
    assert "X-Amz-Expires=300" in location.url
    with pytest.raises(ExpiryRefused, match="7 days"):
        installed.services.submit_artifact.submit_run_logs(12, 4, timedelta(days=8))


@only_moto
def test_no_location_outlives_the_credentials(installed: Installation) -> None:
    session = {
        "AWS_SESSION_TOKEN": "token",
        "AWS_CREDENTIAL_EXPIRATION": (datetime.now(UTC) + 2 * HOUR).isoformat(),
    }
    asked = ("put", "12", "config", "--location", "--expires")
    assert installed.oneprefix(*asked, "1h", **session).code == 0
    refused = installed.oneprefix(*asked, "3h", **session)
    assert refused.code == 1
    assert refused.err.startswith(f"oneprefix: a URL of {installed.prefix.job_config_key()} can't")
    assert "live 3:00:00: the credentials that sign it live 1:59:" in refused.err
    assert refused.err.count("\n") == 1


def test_unknown_jobs_and_runs_of_others_have_no_location(installed: Installation) -> None:
    add_job(installed.services.engine, 13, installed.prefix.timestamp, [40])
    submit = installed.services.submit_artifact
    with pytest.raises(JobNotFound, match=r"^job 14: there is no such job$"):
        submit.submit_job_config(14)
    with pytest.raises(RunNotFound, match=r"^run 41: there is no such run$"):
        submit.submit_run_config(12, 41)
    with pytest.raises(RunNotInJob, match=r"^job 12, run 40: the run belongs to job 13$"):
        submit.submit_run_logs(12, 40)
    with pytest.raises(InvalidRequest, match="packed by workers"):
        submit(12, ArtifactId(ArtifactKind.RUN_RESULTS, 4))
    assert installed.strict.proxy.requests == []


@pytest.mark.parametrize("size", [0, 5, 20 * MIB])
def test_a_file_is_put_and_what_arrived_is_verified(
    installed: Installation, tmp_path: Path, size: int
) -> None:
    file = tmp_path / "input.zip"
    file.write_bytes(content("random", size))
    answer = installed.oneprefix("put", "12", "input", str(file), "--json")
    assert answer.code == 0, answer.err
    key = installed.prefix.job_input_key()
    assert (answer.json["key"], answer.json["size"]) == (key, size)
    assert installed.strict.stored() == {key: file.read_bytes()}
    verified = {
        each.operation: each.verified
        for each in installed.strict.proxy.requests
        if each.method in ("PUT", "POST")
    }
    last = "CompleteMultipartUpload" if size > MIB else "PutObject"
    assert "crc32" in verified[last]
    assert head(installed, key)["ContentType"] == "application/zip"
    shown = installed.oneprefix("put", "12", "4", "logs", str(file))
    assert shown.out.startswith(f"{installed.prefix.run_logs_key(4)}  ")
    assert answer.json["checksum"] in shown.out


@only_moto
def test_a_dry_run_says_what_would_be_put_and_sends_nothing(
    installed: Installation, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    shown = installed.oneprefix("put", "12", "config", "config.json", "--dry-run")
    assert (shown.code, shown.out) == (
        0,
        (
            f"{installed.prefix.job_config_key()}  2 B  CRC32:{encode_crc32(crc32(b'{}'))}"
            "  to be uploaded\n"
        ),
    )
    assert installed.strict.stored() == {}
    assert installed.oneprefix("put", "12", "config", "config.json", "--dry-run", "--yes").code == 0
    assert installed.strict.stored() == {}
    assert installed.oneprefix("put", "12", "config", "config.json", "--yes").code == 0
    assert installed.strict.stored() == {installed.prefix.job_config_key(): b"{}"}


def test_bytes_that_change_on_the_way_are_refused_and_nothing_is_replaced(
    installed: Installation, tmp_path: Path
) -> None:
    key = installed.put(ArtifactKind.JOB_CONFIG, b"before")
    file = tmp_path / "config.json"
    file.write_bytes(b"after")
    installed.strict.proxy.fault(lambda request: request.operation == "PutObject", CorruptBody())
    artifact = ArtifactId(ArtifactKind.JOB_CONFIG)
    with pytest.raises(StorageUnavailable, match=f"storing {key}: S3 answered 400 BadDigest"):
        installed.services.put_artifact(12, artifact, file)
    assert installed.strict.stored() == {key: b"before"}
    installed.strict.proxy.mend()
    installed.services.put_artifact(12, artifact, file)
    assert installed.strict.stored() == {key: b"after"}


def test_what_can_not_be_put_is_told_in_one_line(installed: Installation, tmp_path: Path) -> None:
    put_artifact = installed.services.put_artifact
    artifact = ArtifactId(ArtifactKind.RUN_CONFIG, 4)
    with pytest.raises(FileUnusable, match=r"reading .*absent: No such file or directory"):
        put_artifact(12, artifact, tmp_path / "absent")
    with pytest.raises(FileUnusable, match="is not a file"):
        put_artifact(12, artifact, tmp_path)
    (tmp_path / "f").write_bytes(b"")
    installed.strict.proxy.fault(
        lambda request: request.operation == "PutObject", AnswerError(403, "AccessDenied")
    )
    with pytest.raises(StorageRefused, match=r"storing jobs/12/.*_config.json: .* AccessDenied"):
        put_artifact(12, artifact, tmp_path / "f")
    refused = installed.oneprefix("put", "14", "config", str(tmp_path / "f"))
    assert (refused.code, refused.err) == (1, "oneprefix: job 14: there is no such job\n")


def test_the_command_prints_a_line_of_curl_that_works(
    installed: Installation, tmp_path: Path
) -> None:
    (tmp_path / "it's mine.json").write_bytes(b'{"a": 1}')
    shown = installed.oneprefix(
        "put", "12", "4", "config", "it's mine.json", "--location", "--expires", "30m"
    )
    assert shown.code == 0, shown.err
    assert shown.err.startswith("Valid until ")
    [line] = shown.out.splitlines()
    assert shlex.split(line)[:4] == ["curl", "--fail", "--upload-file", "it's mine.json"]
    subprocess.run(["bash", "-c", f"{line} --silent"], cwd=tmp_path, check=True)
    assert installed.strict.stored() == {installed.prefix.run_config_key(4): b'{"a": 1}'}
    told = installed.oneprefix("put", "12", "4", "config", "--location", "--json")
    assert set(json.loads(told.out)) == {"method", "url", "headers", "key", "expires_at"}
