import io
import zipfile
from typing import Any

import pytest

from worker.storage.objects.comparison import ARCHIVE_TAIL, are_same, has_end_record


def head(etag: str, size: int = 10, **more: str) -> dict[str, Any]:
    return {"ContentLength": size, "ETag": f'"{etag}"'} | more


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
    one: dict[str, Any], other: dict[str, Any], same: bool | None
) -> None:
    assert are_same(one, other) is same
    assert are_same(other, one) is same


def archive(comment: bytes = b"") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        opened.writestr("out.csv", "t,x\n")
        opened.comment = comment
    return written.getvalue()


@pytest.mark.parametrize("comment", [b"", b"made by hand", b"x" * 0xFFFF])
def test_an_archive_is_whole_to_its_last_byte(comment: bytes) -> None:
    whole = archive(comment)
    assert has_end_record(whole[-ARCHIVE_TAIL:])
    for cut in (1, 21, 22):
        assert not has_end_record(whole[:-cut])
    assert not has_end_record(b"")
    assert not has_end_record(b"PK\5\6")
