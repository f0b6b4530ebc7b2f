"""Multipart uploads that no attempt will resume are aborted, and no others."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.uploads import FakeDatabase, FakeMultipartIds
from worker.models.stored_object import IncompleteUpload
from worker.models.upload import Upload, UploadState
from worker.use_cases.recovery.abort_orphans import YOUNG, AbortOrphans

KEY = "jobs/12/2025/10/23/211500/run_4_results.zip"
OLD = YOUNG + 1
CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)


@dataclass
class FakeIncompleteUploads:
    found: list[IncompleteUpload] = field(default_factory=list)
    aborted: list[tuple[str, str]] = field(default_factory=list)
    refuses: bool = False

    def list(self) -> Iterator[IncompleteUpload]:
        yield from self.found

    def abort(self, key: str, multipart_id: str) -> bool:
        if self.refuses:
            return False
        self.aborted.append((key, multipart_id))
        return True


@dataclass
class Bucket:
    database: FakeDatabase = field(default_factory=FakeDatabase)
    open: FakeIncompleteUploads = field(default_factory=FakeIncompleteUploads)

    def row(self, state: UploadState, multipart_id: str | None, **values: Any) -> None:
        values = {"s3_key": KEY} | values
        self.database.rows[12, 4] = Upload(
            12, 4, "/r", state=state, multipart_upload_id=multipart_id, **values
        )

    def sweep(self) -> int:
        return AbortOrphans(self.database, FakeMultipartIds(self.database), self.open)()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(open=FakeIncompleteUploads([IncompleteUpload(KEY, "m", OLD, CREATED_AT)]))


@pytest.mark.parametrize(
    "state", [UploadState.REQUESTED, UploadState.UPLOADING, UploadState.RETRYING]
)
def test_a_multipart_upload_that_the_next_attempt_may_resume_stays(
    bucket: Bucket, state: UploadState
) -> None:
    bucket.row(state, "m")
    assert bucket.sweep() == 0
    assert bucket.open.aborted == []


@pytest.mark.parametrize("state", list(UploadState))
def test_a_multipart_upload_that_no_row_names_is_aborted(
    bucket: Bucket, state: UploadState
) -> None:
    bucket.row(state, None)
    assert bucket.sweep() == 1
    assert bucket.open.aborted == [(KEY, "m")]


def test_a_multipart_upload_is_aborted_if_its_row_names_a_newer_one(bucket: Bucket) -> None:
    bucket.row(UploadState.UPLOADING, "newer")
    assert bucket.sweep() == 1


def test_a_new_multipart_upload_stays_since_its_row_may_not_name_it_yet(bucket: Bucket) -> None:
    bucket.row(UploadState.UPLOADING, None)
    bucket.open.found = [IncompleteUpload(KEY, "m", YOUNG - 1, CREATED_AT)]
    assert bucket.sweep() == 0


@pytest.mark.parametrize(
    "key",
    [
        "jobs/12/2025/10/23/211500/job_input.zip",
        "jobs/12/2025/10/23/211500/run_4_results.zip.bak",
        "elsewhere/jobs/12/2025/10/23/211500/run_4_results.zip",
        "jobs/12/2025/10/23/211500/run_5_results.zip",
        "jobs/12/2025/10/24/000000/run_4_results.zip",
    ],
)
def test_a_multipart_upload_that_is_for_no_run_of_ours_stays(bucket: Bucket, key: str) -> None:
    bucket.row(UploadState.LANDED, None)
    bucket.open.found = [IncompleteUpload(key, "m", OLD, CREATED_AT)]
    assert bucket.sweep() == 0


@pytest.mark.parametrize("state", [UploadState.FAILED, UploadState.LANDED])
def test_a_multipart_upload_that_an_ended_upload_names_is_aborted_and_forgotten(
    bucket: Bucket, state: UploadState
) -> None:
    bucket.open.found = []
    bucket.row(state, "m")
    assert bucket.sweep() == 1
    assert bucket.open.aborted == [(KEY, "m")]
    assert bucket.database.rows[12, 4].multipart_upload_id is None
    assert bucket.sweep() == 0


def test_a_multipart_upload_that_can_not_be_aborted_now_is_tried_again(bucket: Bucket) -> None:
    bucket.open = FakeIncompleteUploads(refuses=True)
    bucket.row(UploadState.FAILED, "m")
    assert bucket.sweep() == 0
    assert bucket.database.rows[12, 4].multipart_upload_id == "m"
