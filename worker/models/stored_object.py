"""An object as a listing of its bucket tells of it."""

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
