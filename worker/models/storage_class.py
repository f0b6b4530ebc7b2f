"""S3's storage classes, and the state of restoring an object from one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class StorageClass(StrEnum):
    STANDARD = "STANDARD"
    STANDARD_IA = "STANDARD_IA"
    ONEZONE_IA = "ONEZONE_IA"
    INTELLIGENT_TIERING = "INTELLIGENT_TIERING"
    GLACIER_IR = "GLACIER_IR"
    GLACIER = "GLACIER"
    DEEP_ARCHIVE = "DEEP_ARCHIVE"


class RestoreTier(StrEnum):
    """How fast S3 restores an archived object, and at which price."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"
    BULK = "Bulk"


#: Objects in these classes are restored before they can be read or copied; GLACIER_IR needs none.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html
NEEDS_RESTORE = frozenset({StorageClass.GLACIER, StorageClass.DEEP_ARCHIVE})
#: Intelligent-Tiering may have moved an object to an archive tier of its own; only HEAD tells.
MAY_NEED_RESTORE = NEEDS_RESTORE | {StorageClass.INTELLIGENT_TIERING}


@dataclass(frozen=True, slots=True)
class RestoreState:
    is_archived: bool
    """Whether the object lies where it can't be read unless it is restored."""
    is_under_way: bool = False
    is_restored: bool = False
    """Whether a readable copy is there."""
    readable_until: datetime | None = None

    @property
    def is_readable(self) -> bool:
        return self.is_restored or not self.is_archived
