from datetime import UTC, datetime
from typing import Any

import pytest

from worker.models.storage_class import RestoreState
from worker.models.stored_object import StoredObject

AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)


def head(etag: str, size: int = 10, **fields: Any) -> StoredObject:
    """An object as HEAD describes it."""
    fields |= {"ContentLength": size, "ETag": f'"{etag}"'}
    return StoredObject("k", size, etag, fields.get("StorageClass", "STANDARD"), AT, fields)


def listed(etag: str) -> StoredObject:
    """An object as a listing describes it."""
    return StoredObject("k", 10, etag, "STANDARD", AT)


MD5, OTHER, PARTS = "0" * 32, "1" * 32, "2" * 32 + "-3"
FULL: Any = {"ChecksumType": "FULL_OBJECT"}
COMPOSED: Any = {"ChecksumType": "COMPOSITE"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (head(MD5), head(MD5), True),
        (head(MD5), head(MD5, size=11), False),
        (head(MD5), head(OTHER), False),
        (head(MD5), head(PARTS), None),
        (head(MD5), head(OTHER, ServerSideEncryption="aws:kms"), None),
        (head(MD5), head(OTHER, ServerSideEncryption="AES256"), False),
        (head(MD5), head(OTHER, SSECustomerAlgorithm="AES256"), None),
        (head(MD5, ChecksumCRC32="a", **FULL), head(PARTS, ChecksumCRC32="a", **FULL), True),
        (head(MD5, ChecksumCRC32="a", **FULL), head(PARTS, ChecksumCRC32="b", **FULL), False),
        (head(MD5, ChecksumCRC32="a"), head(PARTS, ChecksumSHA256="a"), None),
        (head(MD5, ChecksumCRC32="a"), head(PARTS, ChecksumCRC32="a-2"), None),
        (
            head(MD5, ChecksumCRC32="a", **FULL),
            head(PARTS, ChecksumCRC32="b", ChecksumType="COMPOSITE"),
            None,
        ),
        (
            head(PARTS, ChecksumCRC32="a-3", **COMPOSED),
            head(OTHER + "-3", ChecksumCRC32="a-3", **COMPOSED),
            True,
        ),
        (
            head(PARTS, ChecksumCRC32="a-3", **COMPOSED),
            head(OTHER + "-3", ChecksumCRC32="b-3", **COMPOSED),
            None,
        ),
    ],
)
def test_objects_are_told_apart_by_what_s3_says_of_both(
    one: StoredObject, other: StoredObject, same: bool | None
) -> None:
    assert one.is_same(other) is same
    assert other.is_same(one) is same


def test_a_listing_alone_can_not_prove_that_objects_differ() -> None:
    assert listed(MD5).is_same(listed(OTHER)) is None
    assert listed(MD5).is_same(listed(MD5)) is True
    assert listed(MD5).is_same(head(MD5, size=11)) is False


def test_what_only_head_tells_does_not_count_when_objects_are_compared_or_shown() -> None:
    assert head(MD5, ChecksumCRC32="a") == listed(MD5)
    assert "ChecksumCRC32" not in repr(head(MD5, ChecksumCRC32="a"))


def test_a_checksum_is_that_of_the_whole_object_or_none() -> None:
    assert head(MD5, ChecksumCRC32="a").checksum == "CRC32:a"
    assert head(PARTS, ChecksumCRC32="a-3", **COMPOSED).checksum is None
    assert head(PARTS, ChecksumCRC32="a-3").checksum is None
    assert head(MD5, ChecksumSHA256="a").checksum is None
    assert listed(MD5).checksum is None


def test_parts_are_counted_by_the_etag() -> None:
    assert head(PARTS).part_count == 3
    assert head(MD5).part_count == 0


def test_the_sha256_is_read_from_metadata_in_whatever_case() -> None:
    assert head(MD5, Metadata={"Sha256": "ab"}).sha256 == "ab"
    assert head(MD5).sha256 is None


@pytest.mark.parametrize(
    ("fields", "state", "is_readable"),
    [
        ({}, RestoreState(is_archived=False), True),
        ({"StorageClass": "GLACIER_IR"}, RestoreState(is_archived=False), True),
        ({"StorageClass": "GLACIER"}, RestoreState(is_archived=True), False),
        ({"ArchiveStatus": "ARCHIVE_ACCESS"}, RestoreState(is_archived=True), False),
        (
            {"StorageClass": "GLACIER", "Restore": 'ongoing-request="true"'},
            RestoreState(is_archived=True, is_under_way=True),
            False,
        ),
        (
            {
                "StorageClass": "DEEP_ARCHIVE",
                "Restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"',
            },
            RestoreState(
                is_archived=True,
                is_restored=True,
                readable_until=datetime(2012, 12, 21, tzinfo=UTC),
            ),
            True,
        ),
    ],
)
def test_head_tells_how_far_a_restore_is(
    fields: dict[str, Any], state: RestoreState, is_readable: bool
) -> None:
    assert head(MD5, **fields).restore_state == state
    assert head(MD5, **fields).restore_state.is_readable is is_readable
