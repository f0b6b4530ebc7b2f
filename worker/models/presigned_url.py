"""Presigned URLs: their holder needs no credentials until they expire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from worker.models.artifact import ArtifactKind


@dataclass(frozen=True, slots=True)
class UploadLocation:
    url: str = field(repr=False)
    headers: Mapping[str, str]
    """Headers that the signature covers: a PUT has to send them as they are."""
    key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DownloadLocation:
    url: str = field(repr=False)
    key: str
    size: int
    """Bytes."""
    storage_class: str
    file_name: str
    """The name under which browsers and `curl -OJ` save the download."""
    expires_at: datetime
    bucket: str = ""
    kind: ArtifactKind | None = None
    """None for an object that is no artifact."""
    run_id: int | None = None
