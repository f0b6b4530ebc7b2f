"""What S3 says of an object that is asked for by its key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from worker.storage.errors import translated_s3_errors
from worker.storage.objects.comparison import are_same

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: S3's words for an object that has to be restored first, to who reads it and to who copies it.
ARCHIVED = ("InvalidObjectState", "ObjectNotInActiveTierError")


@dataclass(frozen=True, slots=True)
class Head:
    """What S3 says of an object, as botocore names it."""

    fields: Mapping[str, Any]

    @property
    def etag(self) -> str:
        return str(self.fields["ETag"])

    @property
    def size(self) -> int:
        return int(self.fields["ContentLength"])

    @property
    def checksum(self) -> tuple[str, str] | None:
        """Its name and value, `ChecksumCRC32` and base64."""
        for name, value in self.fields.items():
            if name.startswith("Checksum") and name != "ChecksumType":
                return name, value
        return None

    @property
    def checksum_type(self) -> str:
        return str(self.fields.get("ChecksumType", "FULL_OBJECT"))

    @property
    def part_count(self) -> int:
        """0 if it was not stored in parts, as its ETag tells."""
        return int(self.etag.strip('"').partition("-")[2] or 0)

    def is_same(self, other: "Head") -> bool | None:
        """Whether both have the same bytes; None if neither checksum nor ETag can tell."""
        return are_same(self.fields, other.fields)

    def only(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: self.fields[name] for name in names if self.fields.get(name)}


def head_object(client: "S3Client", bucket: str, key: str) -> Head | None:
    """None if there is none."""
    with translated_s3_errors(f"looking at {key}"):
        try:
            return Head(client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED"))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise
