from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import InvalidId, InvalidRequest
from worker.models.job import Job
from worker.models.job_s3_prefix import JobS3Prefix

AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)

ids = st.integers(min_value=1)
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
zones = st.one_of(offsets, st.timezones())
instants = st.datetimes(
    min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31), timezones=st.just(UTC)
)


def keys_of(prefix: JobS3Prefix, run_id: int) -> dict[tuple[int | None, str], str]:
    """Each key under (run, kind); a job's own artifacts have no run."""
    return {
        (None, "job_config"): prefix.job_config_key(),
        (None, "job_input"): prefix.job_input_key(),
        (run_id, "config"): prefix.run_config_key(run_id),
        (run_id, "results"): prefix.run_results_key(run_id),
        (run_id, "logs"): prefix.run_logs_key(run_id),
    }


def test_the_prefix_is_the_jobs_id_and_the_time_of_its_creation() -> None:
    prefix = JobS3Prefix.from_job(Job(12, AT))
    assert prefix == JobS3Prefix(job_id=12, timestamp=AT)
    assert prefix.base_prefix == "jobs/12/2025/10/23/211500"


def test_it_has_the_five_keys_of_the_contract() -> None:
    prefix = JobS3Prefix(12, AT)
    assert prefix.job_config_key() == "jobs/12/2025/10/23/211500/job_config.json"
    assert prefix.job_input_key() == "jobs/12/2025/10/23/211500/job_input.zip"
    assert prefix.run_config_key(4) == "jobs/12/2025/10/23/211500/run_4_config.json"
    assert prefix.run_results_key(4) == "jobs/12/2025/10/23/211500/run_4_results.zip"
    assert prefix.run_logs_key(4) == "jobs/12/2025/10/23/211500/run_4_logs.log"


def test_any_row_with_an_id_and_a_creation_time_will_do() -> None:
    row = SimpleNamespace(id=12, created_at=AT, owner="somebody")
    assert JobS3Prefix.from_job(row) == JobS3Prefix(12, AT)


def test_it_is_frozen_slotted_and_hashable() -> None:
    prefix = JobS3Prefix(12, AT)
    with pytest.raises(FrozenInstanceError):
        prefix.job_id = 13  # type: ignore[misc]  # that is what is tested
    assert not hasattr(prefix, "__dict__")
    assert {prefix, JobS3Prefix(12, AT)} == {prefix}


def test_years_have_four_digits() -> None:
    assert JobS3Prefix(1, datetime(33, 4, 3, 15)).base_prefix == "jobs/1/0033/04/03/150000"


def test_a_naive_time_is_read_as_utc() -> None:
    assert JobS3Prefix(12, AT.replace(tzinfo=None)) == JobS3Prefix(12, AT)


def test_the_timestamp_is_the_jobs_own_as_given_and_only_keys_are_in_utc() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    naive = AT.replace(tzinfo=None)
    prefixes = []
    for written in (AT, there, naive):
        prefix = JobS3Prefix.from_job(SimpleNamespace(id=12, created_at=written))
        assert prefix.timestamp == written
        assert prefix.timestamp.tzinfo is written.tzinfo
        assert prefix.run_results_key(4) == "jobs/12/2025/10/23/211500/run_4_results.zip"
        prefixes.append(prefix)
    assert JobS3Prefix.from_job(Job(12, naive)).timestamp == Job(12, naive).created_at
    assert len(set(prefixes)) == 1
    assert JobS3Prefix(12, AT.replace(microsecond=5)) == prefixes[0]
    assert prefixes[0] != JobS3Prefix(13, AT) != "jobs/13/2025/10/23/211500"


@given(job_id=st.integers(1, 2**63 - 1), at=instants)
def test_a_prefix_is_read_back_from_its_text(job_id: int, at: datetime) -> None:
    prefix = JobS3Prefix(job_id, at)
    assert JobS3Prefix.parse(prefix.base_prefix) == JobS3Prefix.parse(prefix.folder) == prefix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jobs/",
        "jobs/12/",
        "jobs/12/2025/",
        "jobs/12/2025/10/23/",
        "jobs/12/2025/10/23/2115",
        "jobs/12/2025/10/23/2115001",
        "jobs/12/2025/10/23/211500//",
        "jobs/12/2025/10/23/211500/run_4",
        "jobs/12/2025/13/23/211500/",
        "jobs/12/2025/10/23/246000/",
        "jobs/12/0000/10/23/211500/",
        "jobs/0/2025/10/23/211500/",
        "jobs/012/2025/10/23/211500/",
        "jobs/\u0661\u0662/2025/10/23/211500/",
        "jobs/*/2025/10/23/211500/",
        "/jobs/12/2025/10/23/211500/",
        "s3://bucket/jobs/12/2025/10/23/211500/",
        "jobs/12/2025/10/23/211500/\n",
    ],
)
def test_only_a_whole_prefix_of_one_job_is_read(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is not the prefix of one job"):
        JobS3Prefix.parse(text)


def test_both_hours_of_a_repeated_local_hour_are_told_apart() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    summer = JobS3Prefix(1, datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=0))
    winter = JobS3Prefix(1, datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=1))
    assert summer.base_prefix == "jobs/1/2025/10/26/003000"
    assert winter.base_prefix == "jobs/1/2025/10/26/013000"


@given(job_id=ids, at=instants, zone=zones)
def test_one_instant_gives_one_prefix_in_whatever_zone_it_is_written(
    job_id: int, at: datetime, zone: Any
) -> None:
    elsewhere = JobS3Prefix(job_id, at.astimezone(zone))
    assert elsewhere == JobS3Prefix(job_id, at)
    assert elsewhere.base_prefix == JobS3Prefix(job_id, at).base_prefix


@given(jobs=st.tuples(ids, ids), runs=st.tuples(ids, ids), at=instants)
def test_keys_of_different_jobs_runs_and_kinds_never_collide(
    jobs: tuple[int, int], runs: tuple[int, int], at: datetime
) -> None:
    named = {
        (job_id, *of): key
        for job_id in jobs
        for run_id in runs
        for of, key in keys_of(JobS3Prefix(job_id, at), run_id).items()
    }
    assert len(set(named.values())) == len(named)


@given(job_id=ids, run_id=ids, at=instants)
def test_every_key_lies_under_the_prefix_and_its_slash(
    job_id: int, run_id: int, at: datetime
) -> None:
    prefix = JobS3Prefix(job_id, at)
    for key in keys_of(prefix, run_id).values():
        assert key.startswith(prefix.base_prefix + "/")


@pytest.mark.parametrize("wrong", [0, -1, True, False, 12.0, "12", None, [12]])
def test_an_id_that_is_no_positive_integer_is_refused_by_its_value(wrong: Any) -> None:
    with pytest.raises(InvalidId, match="job id must be a positive integer") as refusal:
        JobS3Prefix(wrong, AT)
    assert repr(wrong) in str(refusal.value)
    with pytest.raises(InvalidId, match="run id must be a positive integer"):
        JobS3Prefix(12, AT).run_results_key(wrong)


def test_a_time_that_is_no_datetime_is_refused() -> None:
    with pytest.raises(TypeError, match="2025-10-23"):
        JobS3Prefix(12, "2025-10-23")  # type: ignore[arg-type]  # that is what is tested
