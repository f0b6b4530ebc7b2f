"""botocore's errors become ours, as one line without credentials."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ParamValidationError,
    ProfileNotFound,
    UnknownRegionError,
)

from worker.errors import OneprefixError, StorageRefused, StorageUnavailable
from worker.redaction import redacted

#: 4xx answers that waiting, fresh credentials or a fresh multipart upload cure.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_PASSING_CODES = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "ExpiredToken",
        "IncompleteBody",
        "InvalidPart",
        "InvalidPartOrder",
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
    """StorageRefused or StorageUnavailable for what botocore raises in the block.

    `doing` begins the message: "storing run 4's results under jobs/12/…".
    """
    try:
        yield
    except OneprefixError:
        raise  # ours already; some of them are ValueErrors too
    except ClientError as error:
        raise _answered(doing, error) from error
    except (ParamValidationError, ProfileNotFound, UnknownRegionError, ValueError) as error:
        raise StorageRefused(f"{doing}: {redacted(error)}") from error
    except RuntimeError as error:
        if not _tells_of_expired_credentials(error):
            raise
        raise StorageUnavailable(f"{doing}: {error}") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{doing}: {redacted(error)}") from error


def _tells_of_expired_credentials(error: RuntimeError) -> bool:
    """botocore has no class of its own for credentials that are as old once they are refreshed."""
    return "expired" in str(error)


def _answered(doing: str, error: ClientError) -> OneprefixError:
    answer = error.response.get("Error", {})
    code = answer.get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    line = f"{doing}: S3 answered {status} {code}: {redacted(answer.get('Message', ''))}"
    # an answer to HEAD has no body, so that its code is the status: 400 for an expired token
    if code in _PASSING_CODES or code == "400" or status in (0, 429) or status >= 500:
        return StorageUnavailable(line)
    return StorageRefused(line)


def refuses_checksums(error: ClientError) -> bool:
    """Whether a store refused a request for its checksum's header rather than for its bytes."""
    answer = error.response["Error"]
    match answer["Code"]:
        case "NotImplemented":  # "A header you provided implies functionality that is not …"
            return True
        case "InvalidArgument" | "InvalidRequest":
            return "checksum" in answer.get("Message", "").lower()
    return False


def refuses_conditions(error: ClientError) -> bool:
    """Whether a store may have refused a request for its If-None-Match or If-Match."""
    answer = error.response["Error"]
    if answer["Code"] in ("InvalidArgument", "InvalidRequest"):
        message = answer.get("Message", "").lower()
        return "if-none-match" in message or "if-match" in message
    return answer["Code"] == "NotImplemented"
