"""Multipart uploads that are neither completed nor aborted."""

import logging
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from worker.redaction import redacted

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

log = logging.getLogger(__name__)


def abort(client: "S3Client", bucket: str, key: str, upload_id: str) -> bool:
    """Whether S3 has forgotten the parts. What it can't say now is left to recovery."""
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except client.exceptions.NoSuchUpload:
        return True
    except (ClientError, BotoCoreError) as error:
        log.warning(
            "multipart upload %s of %s could not be aborted: %s",
            upload_id,
            key,
            redacted(error),
        )
        return False
    return True
