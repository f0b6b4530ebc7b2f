"""The multipart uploads that are open under our prefix."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from worker.models.stored_object import IncompleteUpload
from worker.storage.errors import translated_s3_errors
from worker.storage.objects.multipart import abort

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PREFIX = "jobs/"

log = logging.getLogger(__name__)


class S3IncompleteUploads:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def list(self) -> Iterator[IncompleteUpload]:
        """All of them; none if S3 may not or can not list them."""
        pages = self._client.get_paginator("list_multipart_uploads")
        with translated_s3_errors("listing multipart uploads"):
            try:
                for page in pages.paginate(Bucket=self._bucket, Prefix=PREFIX):
                    now = _clock(page)
                    for found in page.get("Uploads", []):
                        age = (now - found["Initiated"]).total_seconds()
                        yield IncompleteUpload(found["Key"], found["UploadId"], age)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _NOT_TOLD:
                    raise
                log.info("multipart uploads can't be listed: %s", error)

    def abort(self, key: str, multipart_id: str) -> bool:
        """Whether S3 has forgotten it."""
        return abort(self._client, self._bucket, key, multipart_id)


#: rclone says the second while there was no multipart upload yet.
_NOT_TOLD = ("AccessDenied", "NoSuchUpload", "NotImplemented", "MethodNotAllowed")


def _clock(page: Any) -> datetime:
    """S3's, of its answer, since this machine's may be wrong."""
    date = page["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date) if date else datetime.now(UTC)
