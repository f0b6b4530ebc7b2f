"""What stands in a bucket: objects, versions of them, and multipart uploads not yet completed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from worker.models.storage_class import NEEDS_RESTORE, RestoreState

#: x-amz-restore: ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"
_EXPIRY = re.compile(r'expiry-date="([^"]+)"')


class ObjectUrl(NamedTuple):
    """The bucket and the key that a URL names, and the version if it names one."""

    bucket: str
    key: str
    version: str | None = None

    def __str__(self) -> str:
        version = f" in version {self.version}" if self.version else ""
        return f"s3://{self.bucket}/{self.key}{version}"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object that stands in a bucket, as a listing or a HEAD request describes it.

    A listing tells size, ETag, storage class and time. Everything else is None or empty unless
    the object comes from HEAD.
    """

    key: str
    size: int
    """Bytes."""
    etag: str
    """Without its quotes."""
    storage_class: str
    """As S3 names it: STANDARD, GLACIER, …"""
    modified_at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The answer to HEAD by boto3's names; empty from a listing."""
    version_id: str | None = None
    """The version that was asked for; None for the object that stands under the key."""

    @property
    def quoted_etag(self) -> str:
        """The ETag as the conditions of requests take it."""
        return f'"{self.etag}"'

    @property
    def part_count(self) -> int:
        """How many parts the object was stored in, by its ETag; 0 if it was stored in one piece."""
        count = self.etag.partition("-")[2]
        return int(count) if count.isdecimal() else 0

    @property
    def checksum(self) -> str | None:
        """The CRC-32 of the whole object as `CRC32:base64`; None if its store keeps none."""
        crc = self.checksums.get("ChecksumCRC32")
        return f"CRC32:{crc}" if crc else None

    @property
    def checksums(self) -> dict[str, str]:
        """Checksums of the whole object by boto3's names; those of parts depend on its cuts."""
        if self.checksum_type != "FULL_OBJECT":
            return {}
        return {name: value for name, value in self.all_checksums.items() if "-" not in value}

    @property
    def all_checksums(self) -> dict[str, str]:
        """Checksums by boto3's names, of the whole object or composed of those of its parts."""
        return {
            name: value
            for name, value in self.fields.items()
            if name.startswith("Checksum") and name != "ChecksumType"
        }

    @property
    def checksum_type(self) -> str:
        """FULL_OBJECT or COMPOSITE."""
        return str(self.fields.get("ChecksumType", "FULL_OBJECT"))

    @property
    def sha256(self) -> str | None:
        """The whole object's SHA-256 in hexadecimal, if its uploader wrote it to the metadata."""
        # some stores give the names of metadata back in capitals
        metadata = {name.lower(): value for name, value in self.fields.get("Metadata", {}).items()}
        return metadata.get("sha256")

    @property
    def restore_state(self) -> RestoreState:
        """Whether the object has to be restored, and how far that is."""
        restore = self.fields.get("Restore", "")
        expiry = _EXPIRY.search(restore)
        return RestoreState(
            is_archived=self.storage_class in NEEDS_RESTORE or "ArchiveStatus" in self.fields,
            is_under_way='ongoing-request="true"' in restore,
            is_restored='ongoing-request="false"' in restore,
            readable_until=parsedate_to_datetime(expiry[1]) if expiry else None,
        )

    def select(self, names: Iterable[str]) -> dict[str, Any]:
        """The fields of these names that HEAD has answered with a value."""
        return {name: self.fields[name] for name in names if self.fields.get(name)}

    def is_same(self, other: "StoredObject") -> bool | None:
        """Whether both have the same bytes; None if neither checksum nor ETag can tell.

        Equal composite checksums prove equality; different ones prove nothing.
        """
        if self.size != other.size or self.etag == other.etag:
            return self.size == other.size
        mine, theirs = self.checksums, other.checksums
        if common := mine.keys() & theirs.keys():
            return all(mine[name] == theirs[name] for name in common)
        if self.checksum_type == other.checksum_type == "COMPOSITE" and (
            self.all_checksums.items() & other.all_checksums.items()
        ):
            return True
        return False if self.etag_is_md5 and other.etag_is_md5 else None

    @property
    def etag_is_md5(self) -> bool:
        """Whether HEAD tells that no key of KMS or of the caller's own changes the ETag."""
        encryption = self.fields.get("ServerSideEncryption", "AES256")
        return (
            bool(self.fields)
            and "-" not in self.etag
            and encryption == "AES256"
            and "SSECustomerAlgorithm" not in self.fields
        )


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """An object to be deleted for good: one version of it, or a delete marker."""

    key: str
    version_id: str | None
    """None where the store keeps no versions."""
    size: int
    """Bytes; 0 for a delete marker."""
    modified_at: datetime
    etag: str | None = None
    """Quoted; None where `version_id` says alone which object it is."""


@dataclass(frozen=True, slots=True)
class IncompleteUpload:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    id: str
    age: float
    """Seconds since it was created, by S3's own clock."""
    created_at: datetime
