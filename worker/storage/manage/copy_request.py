"""A copy to be made on the server's side, and the errors that S3 may answer to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from worker.errors import ArtifactReplaced, OneprefixError, PlaceTaken
from worker.models.stored_object import StoredObject
from worker.storage.errors import archived, is_archived, translated_s3_errors
from worker.storage.objects.bucket import Bucket


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """`found`, as HEAD describes it, is to stand in `target` under `key`."""

    source: Bucket
    found: StoredObject
    target: Bucket
    key: str
    properties: dict[str, Any]
    """Storage class, encryption and the like of the copy, as boto3 names them."""

    @property
    def source_place(self) -> Any:
        return {"Bucket": self.source.name, "Key": self.found.key}

    @property
    def target_place(self) -> Any:
        return {"Bucket": self.target.name, "Key": self.key}

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Raise ArtifactArchived, ArtifactReplaced or PlaceTaken where S3's answer means that."""
        with translated_s3_errors(doing):
            try:
                yield
            except ClientError as error:
                if meant := self._meant_by(error):
                    raise meant from error
                raise

    def _meant_by(self, error: ClientError) -> OneprefixError | None:
        answer = error.response["Error"]
        if is_archived(error):
            return archived(self.found)
        if answer["Code"] != "PreconditionFailed":
            return None
        if self.source_place == self.target_place or "copy-source" in str(answer).lower():
            return ArtifactReplaced(
                f"{self.found.key} was replaced meanwhile; run the command again"
            )
        return PlaceTaken(f"s3://{self.target.name}/{self.key} was written by others meanwhile")
