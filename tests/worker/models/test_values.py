from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import IllegalTransition, InvalidId, InvalidRequest
from worker.models.job import Job, Run
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import MAX_ID, Refusal, UploadMessage, UploadRequest, storable
from worker.use_cases.retry_policy import RetryPolicy

S = UploadState
LEGAL = {
    (S.REQUESTED, S.REQUESTED),
    (S.REQUESTED, S.UPLOADING),
    (S.REQUESTED, S.FAILED),
    *((S.UPLOADING, state) for state in S),
    (S.RETRYING, S.REQUESTED),
    (S.RETRYING, S.UPLOADING),
    (S.RETRYING, S.FAILED),
    (S.LANDED, S.REQUESTED),
    (S.FAILED, S.REQUESTED),
    (S.REQUESTED, S.CANCELLED),
    (S.RETRYING, S.CANCELLED),
    (S.CANCELLED, S.REQUESTED),
}


def test_a_jobs_creation_time_is_kept_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert Job(1, datetime(2025, 10, 24, 1, tzinfo=there)).created_at == datetime(
        2025, 10, 23, 23, tzinfo=UTC
    )
    assert Job(1, datetime(2025, 10, 23)).created_at.tzinfo is UTC


@pytest.mark.parametrize("wrong", [0, -3, True, 1.0, "1", None])
def test_values_refuse_wrong_ids(wrong: Any) -> None:
    for make in (
        lambda: Job(wrong, datetime(2025, 1, 1)),
        lambda: Run(wrong, 1),
        lambda: Run(1, wrong),
        lambda: Upload(wrong, 1, "/x"),
        lambda: Upload(1, wrong, "/x"),
    ):
        with pytest.raises(InvalidId) as refusal:
            make()
        assert repr(wrong) in str(refusal.value)


@given(before=st.sampled_from(S), after=st.sampled_from(S))
def test_an_upload_goes_only_where_its_state_machine_lets_it(
    before: UploadState, after: UploadState
) -> None:
    upload = Upload(12, 4, "/results/RUN4", state=before)
    if (before, after) in LEGAL:
        assert upload.to(after, attempt=3) == Upload(12, 4, "/results/RUN4", state=after, attempt=3)
    else:
        with pytest.raises(IllegalTransition, match=f"job 12, run 4: .* {before} to {after}"):
            upload.to(after)


def test_the_states_before_a_state_are_those_that_lead_to_it() -> None:
    for after in S:
        assert {(before, after) for before in S if before.may_become(after)} == {
            pair for pair in LEGAL if pair[1] is after
        }
    assert [state for state in S if state.is_over] == [S.LANDED, S.FAILED, S.CANCELLED]


def test_a_state_reads_as_text() -> None:
    assert str(S.LANDED) == "LANDED"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "is empty"),
        ("RUN4", "is not absolute"),
        ("../RUN4", "is not absolute"),
        ("/results/../etc", "holds '..'"),
        ("/results/RUN\0", "holds a NUL"),
        ("/" + "x" * 5000, "is longer than 4095 bytes"),
        ("/" + "ü" * 2100, "is longer than 4095 bytes"),
        ("/results/\ud800", "is not valid Unicode"),
        (None, "must be a string"),
        (4, "must be a string"),
        (["/results"], "must be a string"),
        (b"/results", "must be a string"),
    ],
)
def test_a_path_that_can_not_be_one_is_refused_with_the_reason(path: Any, problem: str) -> None:
    with pytest.raises(InvalidRequest, match="path") as refusal:
        UploadRequest.parse(UploadMessage("sent", 12, 4, path))
    assert problem in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("wrong", ["12", 12.0, -12, 0, True, None, 2**63, 10**400])
def test_a_request_takes_only_ids_that_a_database_can_hold(wrong: Any) -> None:
    for ids in [(wrong, 4), (12, wrong)]:
        with pytest.raises(InvalidId) as refusal:
            UploadRequest.parse(UploadMessage("sent", *ids, "/results/RUN4"))
        assert repr(wrong)[:50] in str(refusal.value)
        assert len(str(refusal.value)) < 300


def test_the_widest_id_is_taken() -> None:
    assert UploadRequest.parse(UploadMessage("sent", MAX_ID, 1, "/r")).job_id == 2**63 - 1


@pytest.mark.parametrize("wrong", [1, "yes", None])
def test_replace_is_true_or_false(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="replace"):
        UploadRequest.parse(UploadMessage("sent", 12, 4, "/results/RUN4", wrong))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_a_refusal_can_be_made_and_stored_whatever_was_sent(anything: Any) -> None:
    refusal = Refusal.of(UploadMessage(None, anything, anything, anything), "why")
    for text in (refusal.path, refusal.reason):
        assert "\0" not in text
        assert len(text.encode()) <= 4 * 5000
    assert refusal.job_id is None or abs(refusal.job_id) < 2**63


def test_stored_text_has_no_nul_and_no_lone_surrogate() -> None:
    assert storable("a\0b\ud800") == "a\\x00b\\ud800"


@given(attempt=st.integers(1, 10_000), seed=st.integers())
def test_the_wait_before_an_attempt_stays_under_its_doubling_bound(attempt: int, seed: int) -> None:
    policy = RetryPolicy(base=2, cap=900)
    delay = policy.delay(attempt, Random(seed))
    assert 0 <= delay <= min(900, 2 * 2 ** min(attempt - 1, 60))


def test_waits_are_spread_over_the_whole_interval() -> None:
    delays = [RetryPolicy(base=2, cap=900).delay(4, Random(seed)) for seed in range(500)]
    assert min(delays) < 1
    assert max(delays) > 15
