"""S3's storage classes, and how far a restore is."""

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
    """How fast S3 brings an archived object back, and at what price."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"
    BULK = "Bulk"


#: What lies in them has to be restored before it can be read or copied; GLACIER_IR is read at once.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html
NEEDS_RESTORE = frozenset({StorageClass.GLACIER, StorageClass.DEEP_ARCHIVE})
#: What lies in the last of these may have moved to an archive tier of it, as S3 tells of it alone.
MAY_BE_ARCHIVED = NEEDS_RESTORE | {StorageClass.INTELLIGENT_TIERING}


@dataclass(frozen=True, slots=True)
class RestoreState:
    is_archived: bool
    """Whether it was ever to be restored at all."""
    is_under_way: bool = False
    readable_until: datetime | None = None
