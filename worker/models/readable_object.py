"""An object as it was when somebody began to read it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReadableObject:
    key: str
    size: int
    etag: str
    """Without its quotes."""
    modified_at: datetime
    checksum: str | None
    """Of the whole object, as `CRC32:base64`; None where only another one is known, or none."""
