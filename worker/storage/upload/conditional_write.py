"""Conditional writes: an object takes its key only where what stands there is as expected.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from worker.errors import StorageRefused, StorageUnavailable
from worker.models.artifact import Artifact
from worker.storage.errors import refuses_conditions
from worker.storage.objects.bucket import Bucket
from worker.storage.objects.checksums import CRC32

#: Arguments of PutObject and CompleteMultipartUpload, as boto3 names them.
Condition = Mapping[str, Any]
NOTHING_STANDS: Final[Condition] = {"IfNoneMatch": "*"}


class ConditionalWriter:
    """Writes to one bucket. Remembers a store that refuses conditions, and asks it without."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._supported = True

    def write(
        self,
        artifact: Artifact,
        condition: Condition | None,
        send: Callable[[Condition], str | None],
    ) -> Condition | None:
        """Put the artifact under its key by `send`, on the condition; by default, that nothing
        stands there.

        `send` makes the request, and returns the CRC-32 that S3 confirms, if any. Returns None once
        the artifact stands under its key; otherwise the condition that holds for what does.
        """
        condition = NOTHING_STANDS if condition is None else condition
        try:
            confirmed = send(condition if self._supported else {})
        except ClientError as error:
            if self._supported and refuses_conditions(error):
                self._supported = False
                return self.write(artifact, condition, send)
            code = error.response["Error"]["Code"]
            if code not in ("PreconditionFailed", "NoSuchUpload"):
                raise
            if self.stands(artifact):
                return None  # the write had succeeded: only its answer was lost
            if code == "NoSuchUpload":
                raise
            return self._as_it_stands(artifact.key)
        # S3 has refused wrong bytes, and confirms the rest; a store that confirms nothing is asked
        if f"{CRC32}:{confirmed}" != artifact.checksum and self.stands(artifact) is False:
            raise StorageUnavailable(f"{artifact.key} did not arrive as it was sent")
        return None

    def stands(self, artifact: Artifact) -> bool | None:
        """Whether this very object stands under its key; None if the store can't or won't tell."""
        try:
            found = self._bucket.head(artifact.key)
        except StorageRefused as error:
            if not error.is_forbidden:
                raise
            return None  # there may be such an object, or none
        if found is None or found.size != artifact.size:
            return False
        if found.checksum:
            return found.checksum == artifact.checksum
        if found.sha256 and artifact.sha256:
            return found.sha256 == artifact.sha256
        return None

    def _as_it_stands(self, key: str) -> Condition:
        """The condition that the key's object is still the one that stands there now."""
        try:
            found = self._bucket.head(key)
        except StorageRefused as error:
            if not error.is_forbidden:
                raise
            return {}
        return {"IfMatch": found.quoted_etag} if found else NOTHING_STANDS
