"""An object under a job's prefix, as S3 confirmed it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    key: str
    size: int
    checksum: str
    """S3's checksum of the whole object, as `ALGORITHM:base64`."""
    sha256: str | None
    """Of the whole object, in hexadecimal; known of what was stored in one piece."""
