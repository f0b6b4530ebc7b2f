"""An object as S3 tells of it when it is asked for this one alone."""

from dataclasses import dataclass
from datetime import datetime


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
