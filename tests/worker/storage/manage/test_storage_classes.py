"""What moto has no notion of: the archive tiers of S3 Intelligent-Tiering."""

from datetime import UTC, datetime
from typing import Any

from botocore.stub import Stubber

from worker.models.storage_class import RestoreTier
from worker.models.stored_object import StoredObject
from worker.storage.client import make_client
from worker.storage.manage.storage_classes import S3StorageClasses
from worker.storage.objects.bucket import Bucket
from worker.use_cases.job_objects import PlacedObject
from worker.use_cases.retention.restore import RestoreJob

KEY = "jobs/12/2025/10/23/211500/run_4_results.zip"
STORED = StoredObject(KEY, 9, "e", "INTELLIGENT_TIERING", datetime(2025, 10, 24, tzinfo=UTC))
HEAD = {
    "ContentLength": 9,
    "ETag": '"e"',
    "StorageClass": "INTELLIGENT_TIERING",
    "LastModified": STORED.modified_at,
}
ASKED = {"Bucket": "results", "Key": KEY, "ChecksumMode": "ENABLED"}


def restored(told: dict[str, str], *, asks: bool) -> str:
    """What a restore of that object tells, where S3 answers so."""
    client = make_client()
    with Stubber(client) as stub:
        stub.add_response("head_object", HEAD | told, ASKED)
        if asks:
            # Days would be refused: it comes back for good
            request = {"GlacierJobParameters": {"Tier": "Bulk"}}
            expected = {"Bucket": "results", "Key": KEY, "RestoreRequest": request}
            stub.add_response("restore_object", {}, expected)
        bucket = Bucket(client, "results")
        unasked: Any = None
        job = RestoreJob(
            jobs=unasked,
            runs=unasked,
            uploads=unasked,
            bucket=bucket,
            classes=S3StorageClasses(bucket),
            clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            follows_rows=True,
        )
        [outcome] = job([PlacedObject(bucket, STORED)], 7, RestoreTier.BULK)
        stub.assert_no_pending_responses()
        return outcome.state


def test_what_has_moved_to_an_archive_tier_is_asked_for_without_days() -> None:
    assert restored({"ArchiveStatus": "DEEP_ARCHIVE_ACCESS"}, asks=True) == "asked for, Bulk"


def test_what_comes_back_already_is_not_asked_for_again() -> None:
    under_way = {"ArchiveStatus": "ARCHIVE_ACCESS", "Restore": 'ongoing-request="true"'}
    assert restored(under_way, asks=False) == "being restored"


def test_what_was_never_moved_there_is_readable() -> None:
    assert restored({}, asks=False) == "readable, in INTELLIGENT_TIERING"
