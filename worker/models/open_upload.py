"""A multipart upload that S3 has neither completed nor aborted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenUpload:
    key: str
    id: str
    age: float
    """Seconds since it was created, by S3's own clock."""
