"""Copies objects on the server's side, with everything that S3 keeps of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from worker.models.stored_object import StoredObject
from worker.storage.errors import refuses_conditions
from worker.storage.manage.copy_parts import copy_in_parts
from worker.storage.manage.copy_request import CopyRequest
from worker.storage.objects.bucket import Bucket

#: Bytes that one CopyObject copies: "up to 5 GB", read as the smaller of its two meanings.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
MAX_COPY = 5 * 1000**3

#: Neither CopyObject nor a multipart upload takes these over by itself.
_PROPERTIES = (
    "BucketKeyEnabled",
    "ObjectLockLegalHoldStatus",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "SSEKMSKeyId",
    "ServerSideEncryption",
    "StorageClass",
    "WebsiteRedirectLocation",
)


def copy_object(
    source: Bucket,
    found: StoredObject,
    target: Bucket,
    key: str,
    *,
    changes: Mapping[str, str],
    condition: Mapping[str, str],
    threshold: int,
    opened: Callable[[str], None] = lambda _: None,
) -> None:
    """Copy an object that HEAD has described; metadata, tags, encryption, checksum, class stay.

    `changes`: another storage class or encryption, as boto3 names them. `condition`: IfMatch or
    IfNoneMatch for what stands at the target; dropped if the store refuses conditions. An object of
    more than `threshold` bytes is copied in parts, and `opened` is called with the multipart
    upload's id. Raises ArtifactArchived, ArtifactReplaced, PlaceTaken.
    """
    properties = found.select(_PROPERTIES) | dict(changes)
    request = CopyRequest(source, found, target, key, properties)
    copy: Callable[[Mapping[str, Any]], object] = (
        partial(copy_in_parts, request, opened)
        if _needs_parts(found, threshold)
        else partial(copy_at_once, request)
    )
    with request.errors(f"copying {found.key}"):
        try:
            copy(condition)
        except ClientError as error:
            if not condition or not refuses_conditions(error):
                raise
            copy({})


def _needs_parts(found: StoredObject, threshold: int) -> bool:
    """Whether CopyObject can't copy the object, or would give it a checksum that differs.

    CopyObject gives an object that was stored in parts another ETag, and another checksum unless
    that is of the whole object: the copy could not be compared.
    """
    keeps_checksum = found.all_checksums and found.checksum_type == "FULL_OBJECT"
    return found.size > threshold or (found.part_count > 0 and not keeps_checksum)


def copy_at_once(request: CopyRequest, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Copy by one request with these further arguments; returns what S3 says of the copy."""
    answer = request.target.client.copy_object(
        **request.target_place,
        CopySource=request.source_place,
        CopySourceIfMatch=request.found.quoted_etag,
        **request.properties,
        **arguments,
    )
    return answer["CopyObjectResult"]
