"""An object that stands in a bucket, and a multipart upload that is not completed."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredObject:
    key: str
    size: int
    etag: str
    """Without its quotes."""
    storage_class: str
    """As S3 names it: STANDARD, GLACIER, …"""
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class InspectedObject:
    key: str
    size: int
    etag: str
    """Without its quotes."""
    modified_at: datetime
    checksum: str | None
    """Of the whole object, as `CRC32:base64`; None if its store keeps none that can be compared."""
    sha256: str | None
    """Of the whole object, in hexadecimal, as whoever stored it has written beside it."""
    storage_class: str
    is_readable: bool
    """False while it is archived, and not restored."""


@dataclass(frozen=True, slots=True)
class IncompleteUpload:
    key: str
    id: str
    age: float
    """Seconds since it was created, by S3's own clock."""
