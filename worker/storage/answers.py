"""Checks that S3's answers hold what they have to, before anything reads them."""

from collections.abc import Mapping
from threading import local
from typing import Any, Final

from worker.errors import StorageRefused, StorageUnavailable

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
    "UploadPartCopy": {"CopyPartResult": ("ETag",)},
    "GetObjectTagging": {"TagSet": ("Key", "Value")},
    "DeleteObjects": {"Errors": ("Key", "Code")},
}
_SIZES: Final = ("Size", "ContentLength")
#: Pages without any element that may follow each other; stores may skip what was deleted.
MAX_EMPTY_PAGES: Final = 1000
MAX_NESTED: Final = 2


class Answers(local):
    """Handles botocore's events `before-call` and `after-call` of one client, for each thread."""

    def __init__(self) -> None:
        self._empty_pages = 0
        self._nested = 0
        """How often botocore, being redirected, asks within its own question where a bucket is."""

    def expect(self, model: Any, **_: Any) -> None:
        """Raise StorageRefused for redirections in a circle, which botocore follows for ever."""
        self._nested = self._nested + 1 if model.name == "HeadBucket" else 0
        if self._nested > MAX_NESTED:
            self._nested = 0
            raise StorageRefused("S3 redirects requests in a circle; look at its endpoint's URL")

    def check(self, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        """Raise StorageUnavailable for an answer that lacks something.

        An error gets the HTTP status as its code if it has none.
        """
        operation, self._nested = model.name, 0
        if http_response.status_code >= 300:
            parsed.setdefault("Error", {}).setdefault("Code", str(http_response.status_code))
            return
        _require(operation, parsed, _FIELDS.get(operation, ()))
        lists = _ELEMENTS.get(operation, {})
        elements = [each for name in lists for each in _listed(parsed.get(name))]
        for name, fields in lists.items():
            for element in _listed(parsed.get(name)):
                _require(operation, element, fields)
        is_empty = parsed.get("IsTruncated") is True and not elements
        self._empty_pages = self._empty_pages + 1 if is_empty else 0
        if self._empty_pages > MAX_EMPTY_PAGES:
            raise StorageUnavailable(f"S3's answers to {operation} are empty and do not end")


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _require(operation: str, found: Mapping[str, Any], fields: tuple[str, ...]) -> None:
    for name in fields:
        if found.get(name) in (None, "") or (name in _SIZES and found[name] < 0):
            told = f"{found.get(name)!r} as its" if found.get(name) is not None else "no"
            raise StorageUnavailable(f"S3's answer to {operation} has {told} {name}")
