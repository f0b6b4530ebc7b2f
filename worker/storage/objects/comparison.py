"""Whether objects are the same bytes, or whole, by what S3 tells of them; no I/O."""

from collections.abc import Mapping
from typing import Any, Final

#: Bytes of a ZIP's end record, and of the longest comment that may follow it.
END_RECORD: Final = 22
ARCHIVE_TAIL: Final = END_RECORD + 0xFFFF


def are_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool | None:
    """By the answers to two HEAD requests; None if there is nothing to tell them apart by.

    ETags of objects in one piece are their MD5, unless a key of KMS or the caller's own encrypts.
    """
    if one["ContentLength"] != other["ContentLength"] or one["ETag"] == other["ETag"]:
        return bool(one["ContentLength"] == other["ContentLength"])
    mine, theirs = checksums_of(one), checksums_of(other)
    if common := mine.keys() & theirs.keys():
        return all(mine[name] == theirs[name] for name in common)
    if _of_parts(one) & _of_parts(other):
        return True
    return False if _has_md5(one) and _has_md5(other) else None


def checksums_of(head: Mapping[str, Any]) -> dict[str, str]:
    """Of the whole object, as boto3 names them; those of parts depend on how it was cut."""
    if head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return {}
    return {name: value for name, value in _told(head) if "-" not in value}


def _of_parts(head: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Composed checksums: the same one means the same bytes, another one says nothing."""
    if head.get("ChecksumType") != "COMPOSITE":
        return set()
    return set(_told(head))


def _told(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    """All checksums, whatever they are of."""
    return [
        (name, value)
        for name, value in head.items()
        if name.startswith("Checksum") and name != "ChecksumType"
    ]


def has_end_record(tail: bytes) -> bool:
    """Whether a ZIP that ends so was written to its end."""
    start = tail.rfind(b"PK\5\6")
    comment = int.from_bytes(tail[start + END_RECORD - 2 : start + END_RECORD], "little")
    return start >= 0 and start + END_RECORD + comment == len(tail)


def _has_md5(head: Mapping[str, Any]) -> bool:
    encrypted = head.get("ServerSideEncryption", "AES256") != "AES256"
    return not encrypted and "SSECustomerAlgorithm" not in head and "-" not in head["ETag"]
