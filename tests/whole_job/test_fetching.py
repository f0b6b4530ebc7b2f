"""`oneprefix urls` and `oneprefix fetch`, and the use cases behind them."""

import os
import re
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.servers.faults import AnswerError, HalfAnswer, Hang, S3Request
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import FILES, Installation
from tests.whole_job.test_submitting import put
from tests.worker.packaging.hostile import archive
from tests.worker.packaging.trees import MIB, content, described, make
from worker.database.jobs import add_job
from worker.errors import (
    ArtifactArchived,
    ArtifactNotFound,
    ArtifactReplaced,
    FileDiffers,
    FileUnusable,
    InvalidArchive,
    InvalidObjectUrl,
    JobNotFound,
    OneprefixError,
    RunNotInJob,
    StorageRefused,
    StorageUnavailable,
)
from worker.models.artifact import ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix
from worker.storage.download.download_files import RANGE_SIZE
from worker.use_cases.job.download_urls import file_name
from worker.use_cases.job.fetch import Fetched

HOUR = timedelta(hours=1)
#: Five ranges, with what packing adds.
LARGE = {"noise": content("random", 5 * RANGE_SIZE - 20_000)}


def gets(request: S3Request) -> bool:
    return request.operation == "GetObject"


def fetch(
    installed: Installation,
    to: Path,
    run_id: int | None = None,
    *,
    unpack: bool = False,
    force: bool = False,
) -> dict[str, Fetched | OneprefixError]:
    """What became of each artifact, by the name of its file."""
    fetch_artifacts = installed.services.fetch_artifacts
    plan = fetch_artifacts.plan(12, run_id, to, unpack=unpack)
    return {planned.file.name: outcome for planned, outcome in fetch_artifacts(plan, force=force)}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def stored(installed: Installation, key: str) -> bytes:
    return installed.strict.stored()[key]


# urls


def test_each_artifact_has_a_url_that_a_plain_client_can_get(installed: Installation) -> None:
    results = installed.land(4)
    config = installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    found = installed.services.locate_artifacts(12, expires_in=HOUR)
    assert [(each.key, each.file_name) for each in found] == [
        (config, "job_12_config.json"),
        (results, "job_12_run_4_results.zip"),
    ]
    for each in found:
        with urlopen(each.url, timeout=20) as answer:
            assert answer.read() == stored(installed, each.key)
            told = answer.headers.get("Content-Disposition")
            assert told in (f'attachment; filename="{each.file_name}"', None)  # None: rclone
        assert each.url not in repr(each)
    [of_run] = installed.services.locate_artifacts(12, 4, expires_in=HOUR)
    assert of_run.key == results


@only_moto
def test_the_file_name_is_told_to_the_client(installed: Installation) -> None:
    installed.land(4)
    [found] = installed.services.locate_artifacts(12, expires_in=HOUR)
    with urlopen(found.url, timeout=20) as answer:
        told = answer.headers["Content-Disposition"]
    assert told == 'attachment; filename="job_12_run_4_results.zip"'


@given(st.text(min_size=1))
def test_file_names_are_safe_whatever_the_key(name: str) -> None:
    prefix = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15))
    made = file_name(f"{prefix.base_prefix}/{name}", prefix)
    assert made.isascii()
    assert not set(made) & set("/\\\"'\r\n\0 ;")
    assert 0 < len(made) <= 200


@only_moto
def test_the_command_prints_one_url_a_line(installed: Installation) -> None:
    key = installed.land(4)
    installed.put(ArtifactKind.RUN_LOGS, b"x", 5)
    shown = installed.oneprefix("urls", "12", "--expires", "7d")
    assert shown.code == 0, shown
    assert [line.count("X-Amz-Expires=604800") for line in shown.out.splitlines()] == [1, 1]
    assert shown.err.startswith("2 URLs, valid until 20")
    [told] = installed.oneprefix("urls", "12", "4", "--json").json["urls"]
    assert (told["key"], told["file_name"]) == (key, "job_12_run_4_results.zip")
    assert (told["kind"], told["run_id"]) == (ArtifactKind.RUN_RESULTS, 4)
    archive_object(installed, key)
    assert "1 of the objects must be restored" in installed.oneprefix("urls", "12", "4").err
    refused = installed.oneprefix("urls", "12", "--expires", "8d")
    assert refused.code == 1
    assert "7 days" in refused.err


# fetch


def test_a_run_is_told_from_a_directory(installed: Installation, tmp_path: Path) -> None:
    installed.land(4)
    refused = installed.oneprefix("fetch", "12", "4")
    assert refused.code == 2
    assert "4 may be the run or the directory" in " ".join(refused.err.replace("│", "").split())
    assert installed.oneprefix("fetch", "12", "4", "--to", str(tmp_path / "one")).code == 0
    assert installed.oneprefix("fetch", "12", "--to", str(tmp_path / "all")).code == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["run_4_results.zip"]
    assert installed.oneprefix("fetch", "12").code == 2


def test_all_of_a_job_or_of_a_run_is_fetched_and_verified(
    installed: Installation, tmp_path: Path
) -> None:
    keys = {
        installed.land(4),
        installed.land(5),
        installed.put(ArtifactKind.JOB_CONFIG, b"{}"),
        installed.put(ArtifactKind.RUN_LOGS, b"", 4),
    }
    done = fetch(installed, tmp_path / "to" / "here")
    assert names(tmp_path / "to" / "here") == sorted(key.split("/")[-1] for key in keys)
    for key in keys:
        assert (tmp_path / "to" / "here" / key.split("/")[-1]).read_bytes() == stored(
            installed, key
        )
    assert done["run_4_results.zip"] == Fetched(is_new=True, is_verified=True)
    assert set(fetch(installed, tmp_path / "of 4", 4)) == {"run_4_results.zip", "run_4_logs.log"}


def test_again_nothing_is_transferred_and_what_differs_is_replaced_only_by_force(
    installed: Installation, tmp_path: Path
) -> None:
    installed.land(4)
    installed.put(ArtifactKind.RUN_LOGS, b"hello", 4)
    fetch(installed, tmp_path / "to")
    before = len(installed.strict.proxy.requests)
    assert [each.is_new for each in fetch(installed, tmp_path / "to").values()] == [False, False]  # type: ignore[union-attr]
    assert not any(map(gets, installed.strict.proxy.requests[before:]))

    log = tmp_path / "to" / "run_4_logs.log"
    log.write_bytes(b"jello")
    results = tmp_path / "to" / "run_4_results.zip"
    whole = results.read_bytes()
    spoilt = whole[:50] + b"?" + whole[51:]
    results.write_bytes(spoilt)
    refused = fetch(installed, tmp_path / "to")
    assert [type(each) for each in refused.values()] == [FileDiffers, FileDiffers]
    assert (log.read_bytes(), results.read_bytes()) == (b"jello", spoilt)
    forced = fetch(installed, tmp_path / "to", force=True)
    assert [each.is_new for each in forced.values()] == [True, True]  # type: ignore[union-attr]
    assert (log.read_bytes(), results.read_bytes()) == (b"hello", whole)


@only_moto  # for its checksums
def test_the_command_refuses_each_file_that_differs_in_one_line_and_goes_on(
    installed: Installation, tmp_path: Path
) -> None:
    key = installed.land(4)
    installed.land(5)
    log = installed.put(ArtifactKind.RUN_LOGS, b"hello", 4)
    to = tmp_path / "to"
    to.mkdir()
    (to / "run_4_results.zip").write_bytes(b"mine")
    (to / "run_4_logs.log").write_bytes(b"jello")
    refused = installed.oneprefix("fetch", "12", "--to", str(to), "--json")
    assert (refused.code, refused.err.count("\n")) == (1, 2)
    size = len(stored(installed, key))
    assert (
        f"oneprefix: job 12, run 4: {to}/run_4_results.zip is not {key}: it has 4 bytes instead of"
        f" {size:,}; move it away, or replace it with --force\n"
    ) in refused.err
    assert f"{to}/run_4_logs.log is not {log}: its checksum is CRC32:" in refused.err
    told = sorted((each["file"], each["kind"]) for each in refused.json["failed"])
    assert told == [(f"{to}/run_4_{each}", "FileDiffers") for each in ("logs.log", "results.zip")]
    [fetched] = refused.json["fetched"]
    assert fetched["run_id"] == 5
    assert (to / "run_4_results.zip").read_bytes() == b"mine"
    before = len(installed.strict.proxy.requests)
    forced = installed.oneprefix("fetch", "12", "--to", str(to), "--force", "--json")
    assert (forced.code, [each["is_new"] for each in forced.json["fetched"]].count(True)) == (0, 2)
    assert len([each for each in installed.strict.proxy.requests[before:] if gets(each)]) == 2
    assert (to / "run_4_results.zip").read_bytes() == stored(installed, key)


def test_large_ones_come_by_ranges_side_by_side_also_when_they_break_off(
    installed: Installation, tmp_path: Path
) -> None:
    key = installed.land(4, LARGE)
    installed.strict.proxy.fault(gets, HalfAnswer(), times=2)
    before = len(installed.strict.proxy.requests)
    done = fetch(installed, tmp_path / "to")
    assert done == {"run_4_results.zip": Fetched(is_new=True, is_verified=True)}
    assert (tmp_path / "to" / "run_4_results.zip").read_bytes() == stored(installed, key)
    assert sum(map(gets, installed.strict.proxy.requests[before:])) == 7
    assert names(tmp_path / "to") == ["run_4_results.zip"]


def kill_in_the_middle(installed: Installation, to: Path) -> int:
    """SIGKILL the command when some ranges have arrived; how many had been."""
    seen = count(1)
    installed.strict.proxy.fault(lambda request: gets(request) and next(seen) > 3, Hang(600))
    command = installed.command.start("fetch", "12", "4", str(to), log=to.with_suffix(".log"))
    ranges = to / "run_4_results.zip.part.ranges"
    deadline = time.monotonic() + 60
    while not ranges.exists() or ranges.read_text().count("\n") < 4:
        assert command.poll() is None, to.with_suffix(".log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    command.send_signal(signal.SIGKILL)
    command.wait()
    installed.strict.proxy.mend()
    return ranges.read_text().count("\n") - 1


def test_after_a_kill_only_what_is_missing_is_fetched(
    installed: Installation, tmp_path: Path
) -> None:
    key = installed.land(4, LARGE)
    to = tmp_path / "to"
    assert kill_in_the_middle(installed, to) == 3
    assert names(to) == ["run_4_results.zip.part", "run_4_results.zip.part.ranges"]
    before = len(installed.strict.proxy.requests)
    again = installed.oneprefix("fetch", "12", "4", str(to), "--json")
    assert again.code == 0, again
    assert again.json["fetched"][0]["is_verified"]
    assert (to / "run_4_results.zip").read_bytes() == stored(installed, key)
    assert names(to) == ["run_4_results.zip"]
    late = [each for each in installed.strict.proxy.requests[before:] if gets(each)]
    assert len([each for each in late if not each.fault]) == 2


def test_what_is_spoilt_or_of_another_object_is_fetched_anew(
    installed: Installation, tmp_path: Path
) -> None:
    installed.land(4, LARGE)
    to = tmp_path / "to"
    kill_in_the_middle(installed, to)
    part = to / "run_4_results.zip.part"
    first = int((to / "run_4_results.zip.part.ranges").read_text().splitlines()[1].split()[0])
    with part.open("r+b") as file:
        os.pwrite(file.fileno(), b"spoilt", first * RANGE_SIZE)
    with (to / "run_4_results.zip.part.ranges").open("a") as told:
        told.write("99 1\nx\n4 1")
    before = len(installed.strict.proxy.requests)
    assert fetch(installed, to)["run_4_results.zip"] == Fetched(is_new=True, is_verified=True)
    late = [each for each in installed.strict.proxy.requests[before:] if gets(each)]
    assert len([each for each in late if not each.fault]) == 3

    (to / "run_4_results.zip").unlink()
    kill_in_the_middle(installed, to)
    shutil.rmtree(installed.results / "RUN4")
    make(installed.results / "RUN4", FILES)
    replaced = installed.put(ArtifactKind.RUN_RESULTS, archive(("RUN4/a", b"new")), 4)
    forget_checksum(installed)
    fetch(installed, to)
    assert (to / "run_4_results.zip").read_bytes() == stored(installed, replaced)


def forget_checksum(installed: Installation) -> None:
    with installed.services.engine.begin() as connection:
        connection.execute(text("UPDATE uploads SET checksum = NULL"))


def test_an_object_that_is_replaced_meanwhile_is_noticed(
    installed: Installation, tmp_path: Path
) -> None:
    installed.land(4, LARGE)
    fetch_artifacts = installed.services.fetch_artifacts
    plan = fetch_artifacts.plan(12, 4, tmp_path / "to", unpack=False)
    bucket = fetch_artifacts.bucket
    found = bucket.require(plan.fetches[0].key)
    installed.put(ArtifactKind.RUN_RESULTS, content("zeros", found.size), 4)
    with pytest.raises(ArtifactReplaced, match=r"run_4_results.zip was replaced .*; begin anew"):
        fetch_artifacts.downloads.download(bucket, found, None, tmp_path / "x", lambda _: None)


@only_moto
def test_what_does_not_have_its_recorded_checksum_never_lands(
    installed: Installation, tmp_path: Path
) -> None:
    installed.land(4)
    fetch_artifacts = installed.services.fetch_artifacts
    plan = fetch_artifacts.plan(12, 4, tmp_path, unpack=False)
    bucket = fetch_artifacts.bucket
    found = bucket.require(plan.fetches[0].key)
    wrong = "CRC32:AAAAAA=="
    with pytest.raises(StorageUnavailable, match=r"its checksum is CRC32:.*, not CRC32:AAAAAA=="):
        fetch_artifacts.downloads.download(bucket, found, wrong, tmp_path / "x", lambda _: None)
    assert not [name for name in names(tmp_path) if name.startswith("x")]


def test_one_that_may_not_be_read_does_not_keep_the_others(
    installed: Installation, tmp_path: Path
) -> None:
    for run_id in (4, 5, 6):
        installed.land(run_id)
    denied = installed.prefix.run_results_key(5)
    installed.strict.proxy.fault(
        lambda request: gets(request) and request.key == denied, AnswerError(403, "AccessDenied")
    )
    answer = installed.oneprefix("fetch", "12", str(tmp_path / "to"), "--json")
    assert answer.code == 1
    [failed] = answer.json["failed"]
    assert failed["key"] == denied
    assert failed["error"].startswith(f"job 12, run 5: reading {denied}: S3 answered 403")
    assert len(answer.json["fetched"]) == 2
    assert answer.err == f"oneprefix: {failed['error']}\n"
    installed.strict.proxy.mend()
    assert installed.oneprefix("fetch", "12", str(tmp_path / "to")).code == 0
    assert [name for name in names(tmp_path / "to") if name.endswith("zip")] == [
        f"run_{run_id}_results.zip" for run_id in (4, 5, 6)
    ]


def archive_object(installed: Installation, key: str) -> None:
    bucket = installed.strict.bucket
    installed.strict.upstream.copy_object(
        Bucket=bucket,
        Key=key,
        CopySource={"Bucket": bucket, "Key": key},
        StorageClass="GLACIER",
        MetadataDirective="COPY",
    )


@only_moto
def test_an_archived_object_is_told_with_how_to_restore_it(
    installed: Installation, tmp_path: Path
) -> None:
    key = installed.land(4)
    archive_object(installed, key)
    outcome = fetch(installed, tmp_path / "to")["run_4_results.zip"]
    assert isinstance(outcome, ArtifactArchived)
    assert str(outcome) == (
        f"job 12, run 4: {key} is archived in GLACIER and not restored:"
        " `oneprefix restore` it first"
    )
    installed.strict.upstream.restore_object(
        Bucket=installed.strict.bucket, Key=key, RestoreRequest={"Days": 1}
    )
    deadline = time.monotonic() + 30
    while isinstance(fetch(installed, tmp_path / "to")["run_4_results.zip"], ArtifactArchived):
        assert time.monotonic() < deadline
    assert (tmp_path / "to" / "run_4_results.zip").exists()


def test_what_is_unpacked_is_what_was_packed(installed: Installation, tmp_path: Path) -> None:
    installed.land(4)
    installed.put(ArtifactKind.JOB_INPUT, archive(("in.csv", b"1")))
    to = tmp_path / "to"
    done = fetch(installed, to, unpack=True)
    assert set(done) == {"job_input.zip", "run_4_results.zip"}
    assert described(to / "run_4_results" / "RUN4") == described(installed.results / "RUN4")
    assert (to / "job_input" / "in.csv").read_bytes() == b"1"
    (to / "run_4_results" / "mine").write_bytes(b"kept")
    assert all(isinstance(each, Fetched) for each in fetch(installed, to, unpack=True).values())
    assert (to / "run_4_results" / "mine").read_bytes() == b"kept"


def test_what_an_older_archive_was_unpacked_to_is_not_taken_for_a_newer_ones(
    installed: Installation, tmp_path: Path
) -> None:
    to = tmp_path / "to"
    installed.put(ArtifactKind.JOB_INPUT, archive(("old", b"1")))
    fetch(installed, to, unpack=True)
    installed.put(ArtifactKind.JOB_INPUT, archive(("newer", b"2")))
    outcome = fetch(installed, to, unpack=True)["job_input.zip"]
    assert isinstance(outcome, FileDiffers)
    assert names(to / "job_input") == ["old"]
    (to / "job_input.zip").unlink()
    outcome = fetch(installed, to, unpack=True)["job_input.zip"]
    assert isinstance(outcome, FileDiffers)
    assert "job_input is there already, and not from this archive; move it away" in str(outcome)
    fetch(installed, to, unpack=True, force=True)
    assert names(to / "job_input") == ["newer"]
    assert names(to) == ["job_input", "job_input.zip"]


def test_what_was_unpacked_is_kept_until_what_replaces_it_is_unpacked(
    installed: Installation, tmp_path: Path
) -> None:
    to = tmp_path / "to"
    installed.put(ArtifactKind.JOB_INPUT, archive(("old", b"1")))
    fetch(installed, to, unpack=True)
    installed.put(ArtifactKind.JOB_INPUT, archive(("../../evil", b"x")))
    outcome = fetch(installed, to, unpack=True, force=True)["job_input.zip"]
    assert isinstance(outcome, InvalidArchive)
    assert names(to) == [".job_input.replaced", "job_input.zip"]
    assert names(to / ".job_input.replaced") == ["old"]
    installed.put(ArtifactKind.JOB_INPUT, archive(("newer", b"2")))
    fetch(installed, to, unpack=True, force=True)
    assert names(to) == ["job_input", "job_input.zip"]


def test_a_hostile_archive_is_fetched_and_not_unpacked(
    installed: Installation, tmp_path: Path
) -> None:
    installed.put(ArtifactKind.JOB_INPUT, archive(("../../evil", b"x"), ("good", b"y")))
    to = tmp_path / "a" / "b" / "to"
    outcome = fetch(installed, to, unpack=True)["job_input.zip"]
    assert isinstance(outcome, InvalidArchive)
    assert str(outcome) == "job 12: the archive's ../../evil would lie outside of it"
    assert names(to) == ["job_input.zip"]
    assert not list(tmp_path.rglob("evil"))


def test_links_in_the_place_of_files_are_not_written_through(
    installed: Installation, tmp_path: Path
) -> None:
    installed.land(4)
    to = tmp_path / "to"
    to.mkdir()
    precious = tmp_path / "precious"
    precious.write_bytes(b"kept")
    (to / "run_4_results.zip").symlink_to(precious)
    refused = fetch(installed, to)["run_4_results.zip"]
    assert isinstance(refused, FileDiffers)
    assert "it is no regular file" in str(refused)
    forced = fetch(installed, to, force=True)
    assert forced["run_4_results.zip"] == Fetched(is_new=True, is_verified=True)
    assert not (to / "run_4_results.zip").is_symlink()
    (to / "run_4_results.zip").unlink()
    (to / "run_4_results.zip.part").symlink_to(precious)
    assert isinstance(fetch(installed, to)["run_4_results.zip"], FileUnusable)
    assert precious.read_bytes() == b"kept"


def test_two_at_once_do_not_write_to_one_directory(installed: Installation, tmp_path: Path) -> None:
    installed.land(4)
    with (
        installed.services.fetch_artifacts.downloads.locked(tmp_path / "to"),
        pytest.raises(FileUnusable, match="another command downloads to"),
    ):
        fetch(installed, tmp_path / "to")
    assert fetch(installed, tmp_path / "to")


@only_moto
def test_other_objects_under_the_prefix_stay_there(installed: Installation, tmp_path: Path) -> None:
    installed.put(ArtifactKind.JOB_CONFIG, b"{}")
    for name in ("notes.txt", "../../evil", "run_4_results.zip/x"):
        installed.put_key(f"{installed.prefix.base_prefix}/{name}", b"by hand")
    installed.put_key(f"{installed.prefix.base_prefix}9/job_config.json", b"another's")
    answer = installed.oneprefix("fetch", "12", str(tmp_path / "to"))
    assert answer.code == 0
    assert answer.err == "3 objects under the prefix are not artifacts and are not fetched.\n"
    assert names(tmp_path / "to") == ["job_config.json"]


def set_results_url(installed: Installation, url: str) -> None:
    with installed.services.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET results_url = :url WHERE id = 4"), {"url": url})


def test_what_is_not_there_is_told_with_where_else_it_should_be(
    installed: Installation, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactNotFound, match=r"^job 12: nothing has landed yet$"):
        fetch(installed, tmp_path)
    with pytest.raises(ArtifactNotFound, match=r"^job 12, run 4: its results have not landed; "):
        fetch(installed, tmp_path, 4)
    key = installed.land(4)
    installed.strict.upstream.delete_object(Bucket=installed.strict.bucket, Key=key)
    with pytest.raises(
        ArtifactNotFound, match=f"run 4: its results had landed, but {re.escape(key)} is gone"
    ):
        fetch(installed, tmp_path, 4)
    set_results_url(installed, "s3://another-bucket/results/job_12/run_4.zip")
    with pytest.raises(ArtifactNotFound, match=r"names s3://another-bucket/results/job_12/run_4"):
        installed.services.locate_artifacts(12, 4, expires_in=HOUR)
    set_results_url(installed, "ftp://host/x")
    with pytest.raises(InvalidObjectUrl, match=r"^job 12, run 4: 'ftp://host/x' names no object"):
        fetch(installed, tmp_path, 4)


def test_unknown_jobs_runs_of_others_and_stores_that_refuse_are_told_in_one_line(
    installed: Installation, tmp_path: Path
) -> None:
    add_job(installed.services.engine, 13, installed.prefix.timestamp, [40])
    with pytest.raises(JobNotFound, match=r"^job 14: there is no such job$"):
        installed.services.fetch_artifacts.plan(14, None, tmp_path, unpack=False)
    with pytest.raises(RunNotInJob, match=r"^job 12, run 40: the run belongs to job 13$"):
        fetch(installed, tmp_path, 40)
    installed.strict.proxy.fault(
        lambda request: request.operation == "ListObjectsV2", AnswerError(403, "AccessDenied")
    )
    with pytest.raises(StorageRefused, match=r"listing jobs/12/.* AccessDenied"):
        fetch(installed, tmp_path)


@only_moto
def test_expired_credentials_are_told_in_one_line(installed: Installation, tmp_path: Path) -> None:
    installed.land(4)
    session = {
        "AWS_SESSION_TOKEN": "token",
        "AWS_CREDENTIAL_EXPIRATION": "2025-01-01T00:00:00Z",
    }
    refused = installed.oneprefix("fetch", "12", str(tmp_path / "to"), **session)
    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert "expired" in refused.err
    installed.strict.proxy.fault(gets, AnswerError(400, "ExpiredToken", "The token has expired."))
    refused = installed.oneprefix("fetch", "12", str(tmp_path / "to"))
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "ExpiredToken" in refused.err


@only_moto
def test_the_command_plans_and_tells(installed: Installation, tmp_path: Path) -> None:
    key = installed.land(4)
    to = tmp_path / "to"
    planned = installed.oneprefix("fetch", "12", str(to), "--unpack", "--dry-run")
    assert planned.code == 0
    assert planned.out.startswith(f"{key}  ")
    assert f"to {to}/run_4_results.zip, to be unpacked to {to}/run_4_results\n" in planned.out
    assert not to.exists()
    [row] = installed.oneprefix("fetch", "12", str(to), "--dry-run", "--json").json["planned"]
    assert (row["key"], row["file"], row["unpack_to"]) == (key, f"{to}/run_4_results.zip", None)
    done = installed.oneprefix("fetch", "12", "4", str(to), "--unpack")
    assert done.code == 0
    assert done.out.startswith(f"{to}/run_4_results.zip  ")
    verified = "verified by the CRC-32 in S3 and in its row"
    assert done.out.endswith(f"  {verified}, unpacked to {to}/run_4_results\n")
    assert (to / "run_4_results" / "RUN4" / "out.csv").read_bytes() == FILES["out.csv"]
    assert f"{verified}, was there already" in installed.oneprefix("fetch", "12", str(to)).out
    put(installed.services.submit_artifact.submit_run_logs(12, 4), b"x")
    assert "no CRC-32 is known to compare" in installed.oneprefix("fetch", "12", str(to)).out
    full = installed.oneprefix("fetch", "12", "/dev/full/x")
    assert (full.code, full.err) == (
        1,
        "oneprefix: writing to /dev/full/x: Not a directory\n",
    )


def test_a_large_file_moves_its_bytes_once(installed: Installation, tmp_path: Path) -> None:
    installed.land(4, {"noise": content("random", MIB)})
    fetch_artifacts = installed.services.fetch_artifacts
    plan = fetch_artifacts.plan(12, 4, tmp_path / "to", unpack=False)
    moved: list[int] = []
    list(fetch_artifacts(plan, moved.append))
    assert sum(moved) == plan.size


@only_moto
def test_more_than_a_page_of_objects_is_fetched(installed: Installation, tmp_path: Path) -> None:
    def put_log(run_id: int) -> None:
        installed.put(ArtifactKind.RUN_LOGS, b"%d" % run_id, run_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put_log, range(1, 1101)))
    done = fetch(installed, tmp_path / "to")
    assert set(done.values()) == {Fetched(is_new=True, is_verified=True)}
    assert {int(path.read_bytes()) for path in (tmp_path / "to").iterdir()} == set(range(1, 1101))
