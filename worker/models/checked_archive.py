"""What reading a whole archive has shown of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckedArchive:
    members: int
    """Each has the bytes that its CRC-32 was taken of."""
    checksum: str
    """Of the whole archive, as `CRC32:base64`."""
