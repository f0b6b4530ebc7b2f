"""Turns botocore's errors into ours: one line each, without credentials."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ParamValidationError,
    ProfileNotFound,
    UnknownRegionError,
)

from worker.errors import ArtifactArchived, OneprefixError, StorageRefused, StorageUnavailable
from worker.models.stored_object import StoredObject
from worker.redaction import redacted

#: HEAD has no body, so that its code is the status.
_FORBIDDEN_CODES = frozenset({"AccessDenied", "403"})
_NOT_FOUND_CODES = frozenset({"NoSuchKey", "404"})
#: S3's codes for an object that has to be restored first, on reading and on copying.
_ARCHIVED_CODES = frozenset({"InvalidObjectState", "ObjectNotInActiveTierError"})
#: 4xx answers that waiting, fresh credentials or a fresh multipart upload cure.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_PASSING_CODES = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "ExpiredToken",
        "IncompleteBody",
        "InvalidAccessKeyId",
        "InvalidPart",
        "InvalidPartOrder",
        "InvalidToken",
        "NoSuchUpload",
        "OperationAborted",
        "RequestExpired",
        "RequestTimeout",
        "RequestTimeTooSkewed",
        "Throttling",
        "ThrottlingException",
        "TokenRefreshRequired",
        "TooManyRequests",
        "XAmzContentSHA256Mismatch",
    }
)


@contextmanager
def translated_s3_errors(doing: str) -> Iterator[None]:
    """Raise StorageRefused or StorageUnavailable for botocore's errors.

    `doing` begins the message: "storing run 4's results under …".
    """
    try:
        yield
    except OneprefixError:
        raise  # ours already; some of them are ValueErrors too
    except ClientError as error:
        raise _answered(doing, error) from error
    except (ParamValidationError, ProfileNotFound, UnknownRegionError, ValueError) as error:
        raise StorageRefused(f"{doing}: {redacted(error)}") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{doing}: {redacted(error)}") from error
    except Exception as error:
        # bare ones: for refreshed credentials that are expired as well, for answers without sense
        if not _is_raised_by_botocore(error):
            raise
        raise StorageUnavailable(f"{doing}: {type(error).__name__}: {redacted(error)}") from error


def _is_raised_by_botocore(error: Exception) -> bool:
    *_, (innermost, _) = walk_tb(error.__traceback__)
    return str(innermost.f_globals.get("__name__")).startswith("botocore.")


def _answered(doing: str, error: ClientError) -> OneprefixError:
    answer = error.response.get("Error", {})
    code = answer.get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    told = code if code == str(status) else f"{status} {code}"
    named: Any = answer  # of which its type leaves out what only some codes have
    bucket = f" ({named['BucketName']})" if named.get("BucketName") else ""
    line = f"{doing}: S3 answered {told}{bucket}: {redacted(answer.get('Message', ''))}"
    # 400 is HEAD's answer for an expired token
    if code in _PASSING_CODES or code == "400" or status in (0, 429) or status >= 500:
        return StorageUnavailable(line)
    refused = StorageRefused(line)
    refused.is_forbidden = code in _FORBIDDEN_CODES
    return refused


def is_not_found(error: ClientError) -> bool:
    """Whether S3 answered that no object stands under the key."""
    return error.response["Error"]["Code"] in _NOT_FOUND_CODES


def is_archived(error: ClientError) -> bool:
    """Whether S3 answered that the object has to be restored before it can be read or copied."""
    return error.response["Error"]["Code"] in _ARCHIVED_CODES


def archived(found: StoredObject) -> ArtifactArchived:
    return ArtifactArchived(
        f"{found.key} is archived in {found.storage_class} and not restored:"
        " `oneprefix restore` it first"
    )


def refuses_checksums(error: ClientError) -> bool:
    """Whether the store refused a checksum's header, rather than the bytes it was sent with."""
    return _refuses_header(error, "checksum")


def refuses_conditions(error: ClientError) -> bool:
    """Whether the store may have refused a request because of its If-None-Match or If-Match."""
    return _refuses_header(error, "if-none-match", "if-match")


def _refuses_header(error: ClientError, *names: str) -> bool:
    answer = error.response["Error"]
    if answer["Code"] in ("InvalidArgument", "InvalidRequest"):
        return any(name in answer.get("Message", "").lower() for name in names)
    # "A header you provided implies functionality that is not implemented"
    return answer["Code"] == "NotImplemented"
