from datetime import UTC, datetime, timedelta
from heapq import merge

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.use_cases.migration.plan import (
    Candidates,
    Kept,
    Move,
    Reason,
    decide,
    job_id_of,
    job_part,
    sort_out,
)

PREFIX = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC))
BASE = PREFIX.base_prefix
KEY = PREFIX.run_results_key(4)
RUNS = {4: Run(4, 12), 5: Run(5, 12)}


def stored(key: str, age: int = 0) -> StoredObject:
    modified_at = datetime(2025, 11, 1, tzinfo=UTC) - timedelta(seconds=age)
    return StoredObject(key, 10, f"etag-of-{key}", "STANDARD", modified_at)


def candidates(*scattered: StoredObject, standing: StoredObject | None = None) -> Candidates:
    artifact = ArtifactId(ArtifactKind.RUN_RESULTS, 4)
    return Candidates(12, artifact, KEY, RUNS[4], scattered, standing)


@pytest.mark.parametrize(
    ("key", "kind", "run_id"),
    [
        ("results/job_12/run_4.zip", ArtifactKind.RUN_RESULTS, 4),
        ("jobs/12/2025/10/23/211501/run_4_results.zip", ArtifactKind.RUN_RESULTS, 4),
        ("jobs/12/2025/10/23/211501/run_5_config.json", ArtifactKind.RUN_CONFIG, 5),
        ("jobs/12/2025/10/23/211501/job_input.zip", ArtifactKind.JOB_INPUT, None),
        ("jobs/12/2025-10-23T21:15:00Z/run_4_logs.log", ArtifactKind.RUN_LOGS, 4),
        ("jobs/12/20251023_211500/job_config.json", ArtifactKind.JOB_CONFIG, None),
        ("jobs/12/1761254100/run_4_results.zip", ArtifactKind.RUN_RESULTS, 4),
        ("jobs/12/2025/10/23/21:15:00.123+02:00/run_4_logs.log", ArtifactKind.RUN_LOGS, 4),
    ],
)
def test_an_old_key_names_its_artifact(key: str, kind: ArtifactKind, run_id: int | None) -> None:
    [found], left = sort_out(PREFIX, RUNS, [stored(key)], {})
    assert left == []
    assert found.artifact == ArtifactId(kind, run_id)
    assert found.key == found.artifact.key(PREFIX)
    assert found.key.startswith(BASE + "/")
    assert decide(found).moves == (Move(stored(key), found.key),)


@pytest.mark.parametrize(
    "key",
    [
        "jobs/12/",
        "jobs/12/run_4_results.zip",
        "jobs/12/latest/run_4_results.zip",
        "jobs/12/2025/run_4_results.zip",
        "jobs/12/2025/10/23/211501/notes.txt",
        "jobs/12/2025/10/23/211501/run_04_results.zip",
        "jobs/12/2025/10/23/211501/run_4_results.zip\n",
        "jobs/12/2025/10/23/211501/x/run_4_results.zip",
        "jobs/12/٢٢٢٥/٢٢/٢٣/٢٣٢٥٢٢/run_4_results.zip",
        f"{BASE}9/notes.txt",
        "results/job_12/run_4.zip.tmp",
        "results/job_12/run_0.zip",
        "results/job_12/run_٤.zip",
        "results/job_12/x/run_4.zip",
    ],
)
def test_what_has_another_shape_is_unknown_and_stays(key: str) -> None:
    assert sort_out(PREFIX, RUNS, [stored(key)], {}) == ([], [Kept(stored(key), Reason.UNKNOWN)])


@pytest.mark.parametrize("run_id", [6, 2**63])
def test_what_is_of_a_run_that_the_job_does_not_have_stays(run_id: int) -> None:
    found = stored(f"results/job_12/run_{run_id}.zip")
    assert sort_out(PREFIX, RUNS, [found], {}) == ([], [Kept(found, Reason.NO_SUCH_RUN)])


def test_what_lies_under_the_prefix_is_no_scattered_object() -> None:
    listed = [stored(KEY), stored(f"{BASE}/notes.txt"), stored("results/job_12/run_4.zip")]
    assert sort_out(PREFIX, RUNS, listed[:2], {}) == ([], [])
    [found], left = sort_out(PREFIX, RUNS, listed, {})
    assert (found.standing, left) == (stored(KEY), [])


OLDER, NEWER = stored("results/job_12/run_4.zip", 9), stored("jobs/12/20251024/x", 3)


def test_the_newest_complete_candidate_wins_and_the_others_are_told() -> None:
    both = candidates(NEWER, OLDER)
    decided = decide(both, complete={NEWER.key, OLDER.key})
    assert decided.moves == (Move(NEWER, KEY),)
    assert decided.left == (Kept(OLDER, Reason.CONFLICT, f"{NEWER.key} is kept instead"),)
    assert decide(both, complete={OLDER.key}).moves == (Move(OLDER, KEY),)


def test_without_a_complete_candidate_all_stay() -> None:
    decided = decide(candidates(NEWER, OLDER))
    assert decided.moves == ()
    assert [each.why for each in decided.left] == ["no candidate is complete"] * 2


def test_what_stands_is_a_candidate_too() -> None:
    standing = stored(KEY, 5)
    two = candidates(OLDER, standing=standing)
    decided = decide(two, complete={OLDER.key, KEY})
    assert (decided.moves, [each.found for each in decided.left]) == ((), [OLDER])
    two = candidates(NEWER, standing=standing)
    [move] = decide(two, complete={NEWER.key, KEY}).moves
    assert move == Move(NEWER, KEY, replaces=standing)
    assert move.aside == f"{KEY}.superseded-{standing.etag}"
    assert decide(two, complete={KEY}).moves == ()


def test_of_one_second_what_stands_is_kept() -> None:
    a, b, standing = stored("jobs/12/20251024/a"), stored("jobs/12/20251025/b"), stored(KEY)
    every = {a.key, b.key, KEY}
    assert decide(candidates(b, a, standing=standing), complete=every).moves == ()
    assert decide(candidates(b, a), complete=every).moves == (Move(b, KEY),)


def test_what_is_copied_already_is_finished_with() -> None:
    decided = decide(candidates(OLDER, NEWER, standing=stored(KEY)), copied={OLDER.key})
    assert decided.moves == (Move(OLDER, KEY, is_copied=True),)
    assert [each.found for each in decided.left] == [NEWER]


@pytest.mark.parametrize(
    ("part", "job_id"),
    [("12/", 12), ("9223372036854775807/", 2**63 - 1), ("9223372036854775808/", None)]
    + [
        (wrong, None)
        for wrong in ("", "/", "12", "0/", "012/", "-1/", "٤/", "x/", "9" * 5000 + "/")
    ],
)
def test_only_a_jobs_id_as_it_is_written_is_one(part: str, job_id: int | None) -> None:
    assert job_id_of(part) == job_id


KEYS = st.text("019-/~x", max_size=6)


@given(st.lists(KEYS), st.lists(KEYS))
def test_listings_in_the_order_of_keys_meet_job_by_job(jobs: list[str], results: list[str]) -> None:
    one = sorted(f"jobs/{rest}" for rest in jobs)
    other = sorted(f"results/job_{rest}" for rest in results)
    parts = [job_part(key) for key in merge(one, other, key=job_part)]
    assert parts == sorted(parts)
    assert sorted(parts) == sorted(rest[: rest.find("/") + 1] or rest for rest in jobs + results)
