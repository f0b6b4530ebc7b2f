"""Checks that S3's answers hold what they have to, before anything reads them."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from threading import local
from typing import TYPE_CHECKING, Any, Final

from worker.errors import StorageRefused, StorageUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: What each operation's answer must hold, and what each element of its lists must.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "HeadObject": ("ETag", "ContentLength"),
    "GetObject": ("ETag",),
    "CreateMultipartUpload": ("UploadId",),
    "UploadPart": ("ETag",),
    "CopyObject": ("CopyObjectResult",),
    "UploadPartCopy": ("CopyPartResult",),
    "GetObjectTagging": ("TagSet",),
}
_ELEMENTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "ListObjectsV2": {"Contents": ("Key", "Size", "ETag", "LastModified")},
    "ListObjectVersions": {
        "Versions": ("Key", "VersionId", "Size", "ETag", "LastModified"),
        "DeleteMarkers": ("Key", "VersionId", "LastModified"),
    },
    "ListMultipartUploads": {"Uploads": ("Key", "UploadId", "Initiated")},
    "ListParts": {"Parts": ("PartNumber", "Size", "ETag")},
    "CopyObject": {"CopyObjectResult": ("ETag",)},
    # (that it may lack an ETag is for its caller: so answers a store that copies no parts)
    "GetObjectTagging": {"TagSet": ("Key", "Value")},
    "DeleteObjects": {"Errors": ("Key", "Code")},
}
_SIZES: Final = ("Size", "ContentLength")
#: Pages without any element that may follow each other; stores may skip what was deleted.
MAX_EMPTY_PAGES: Final = 1000
MAX_NESTED: Final = 2


class Answers(local):
    """Handles botocore's events of one client, for each thread."""

    def __init__(self) -> None:
        self._empty_pages = 0
        self._nested = 0
        """How often botocore, being redirected, asks within its own question where a bucket is."""

    def register(self, client: "S3Client") -> None:
        """Look at all answers that the client receives from now on."""
        events: Any = client.meta.events  # whose stub knows no handler that answers nothing
        events.register("before-call.s3", self.expect)
        events.register_first("needs-retry.s3", self.name_error)
        events.register("after-call.s3", self.check)

    def expect(self, model: Any, **_: Any) -> None:
        """Raise StorageRefused for redirections in a circle, which botocore follows for ever."""
        self._nested = self._nested + 1 if model.name == "HeadBucket" else 0
        if self._nested > MAX_NESTED:
            self._nested = 0
            raise StorageRefused("S3 redirects requests in a circle; look at its endpoint's URL")

    def name_error(self, response: Any, **_: Any) -> None:
        """Give an error that is refused a code and a message that are texts.

        On the event `needs-retry`: botocore's own handlers trip over others. The HTTP status is the
        code of an error that has none.
        """
        if response is None or response[0].status_code < 300:
            return
        http, parsed = response
        told = parsed.get("Error")
        told = told if isinstance(told, dict) else {}
        code, message = told.get("Code"), told.get("Message")
        parsed["Error"] = told | {
            "Code": code if isinstance(code, str) and code else str(http.status_code),
            "Message": message if isinstance(message, str) else "",
        }

    def check(self, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        """Raise StorageUnavailable for an answer that lacks something."""
        operation, self._nested = model.name, 0
        if http_response.status_code >= 300:
            return
        _require(operation, parsed, _FIELDS.get(operation, ()))
        _require_date(operation, parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
        lists = _ELEMENTS.get(operation, {})
        elements = [(each, lists[name]) for name in lists for each in _listed(parsed.get(name))]
        for element, fields in elements:
            _require(operation, element, fields)
        is_empty = parsed.get("IsTruncated") is True and not elements
        self._empty_pages = self._empty_pages + 1 if is_empty else 0
        if self._empty_pages > MAX_EMPTY_PAGES:
            raise StorageUnavailable(f"S3's answers to {operation} are empty and do not end")


def _require_date(operation: str, headers: Mapping[str, str]) -> None:
    """Raise StorageUnavailable for a date that is none; many stores and proxies send no date."""
    if "date" in headers:
        try:
            parsedate_to_datetime(headers["date"])
        except ValueError:
            raise StorageUnavailable(f"S3's answer to {operation} has no valid Date") from None


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _require(operation: str, found: Mapping[str, Any], fields: tuple[str, ...]) -> None:
    for name in fields:
        if found.get(name) in (None, "") or (name in _SIZES and found[name] < 0):
            told = f"{found.get(name)!r} as its" if found.get(name) is not None else "no"
            raise StorageUnavailable(f"S3's answer to {operation} has {told} {name}")
