"""Presigned URLs: whoever has one needs no credentials until it expires."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UploadLocation:
    url: str = field(repr=False)
    headers: Mapping[str, str]
    """Signed, so that a PUT has to send them as they are."""
    key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DownloadLocation:
    url: str = field(repr=False)
    key: str
    size: int
    storage_class: str
    file_name: str
    """Under which browsers and `curl -OJ` store it."""
    expires_at: datetime
