"""An object's bytes, a range at a time."""

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from botocore.exceptions import HTTPClientError, IncompleteReadError

from worker.errors import StorageUnavailable
from worker.models.inspected_object import InspectedObject
from worker.storage.error_translation import translated

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: Tries of one range whose answer breaks off; what fails before it begins botocore tries again.
ATTEMPTS = 4


class ObjectContent:
    """Of that very object: once another one stands under its key, S3 refuses."""

    def __init__(self, client: "S3Client", bucket: str, found: InspectedObject) -> None:
        self._client = client
        self._bucket = bucket
        self._found = found

    @property
    def size(self) -> int:
        return self._found.size

    def read(self, start: int, end: int) -> bytes:
        with translated(f"reading {self._found.key}"):
            for _ in range(ATTEMPTS - 1):
                with suppress(HTTPClientError, IncompleteReadError):
                    return self._read(start, end)
            return self._read(start, end)

    def _read(self, start: int, end: int) -> bytes:
        answer = self._client.get_object(
            Bucket=self._bucket,
            Key=self._found.key,
            Range=f"bytes={start}-{end - 1}",
            IfMatch=self._found.etag,
        )
        with closing(answer["Body"]) as body:
            content = body.read()
        if len(content) != end - start:  # a store that knows no ranges, or another object by now
            raise StorageUnavailable(f"{self._found.key} gave {len(content):,} bytes of a range")
        return content
