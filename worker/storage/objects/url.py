"""Where an object lies, as a URL: read in each form that is found in databases; no I/O."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from worker.errors import InvalidObjectUrl
from worker.redaction import redacted
from worker.storage.client import is_amazon

#: Amazon's hosts, after https://docs.aws.amazon.com/general/latest/gr/s3.html: with and without
#: region, `s3-region` of old, dual stack, FIPS, acceleration, and China's domain.
_AMAZON = re.compile(
    r"(?:(?P<bucket>[^/]+)\.)?"
    r"s3(?:-fips|-accelerate)?(?:[.-]dualstack)?(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d+))?"
    r"\.amazonaws\.com(?:\.cn)?"
)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
#: What presigning adds, by signature version 4 and 2, and what a reader of the answer asks for.
_SIGNING = re.compile(r"(?i:x-amz-.*|x-id|AWSAccessKeyId|Signature|Expires|response-.*)")


class ObjectUrl(NamedTuple):
    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str, *, endpoint: str = "") -> "ObjectUrl":
        """The object that `s3://bucket/key` or an HTTPS URL names, presigned or not.

        `endpoint`: of a store that is not Amazon's, whose URLs have the bucket in their path.
        InvalidObjectUrl for everything else.
        """
        found = _of_s3(text) if text.startswith("s3://") else _of_http(text, endpoint)
        if found is None or not _BUCKET.fullmatch(found[0]) or not found[1]:
            raise InvalidObjectUrl(f"{redacted(text)!r:.300} names no object in S3")
        return cls(*found)

    def permanent(self, endpoint: str) -> str:
        """As we store it; never presigned."""
        if is_amazon(endpoint):
            return f"https://{self.bucket}.s3.amazonaws.com/{quote(self.key)}"
        return f"{endpoint.rstrip('/')}/{self.bucket}/{quote(self.key)}"


def is_at(url: str, bucket: str, key: str, *, endpoint: str) -> bool:
    """Whether the URL, of whatever form, names that object."""
    try:
        return ObjectUrl.parse(url, endpoint=endpoint) == (bucket, key)
    except InvalidObjectUrl:
        return False


def _of_s3(text: str) -> tuple[str, str]:
    """Such a key is written as it is: nothing in it is escaped."""
    bucket, _, key = text.removeprefix("s3://").partition("/")
    return bucket, key


def _of_http(text: str, endpoint: str) -> tuple[str, str] | None:
    try:
        url = urlsplit(text)
        own = endpoint and urlsplit(endpoint)
        path = unquote(url.path, errors="strict")
    except ValueError:
        return None
    queried = parse_qsl(url.query, keep_blank_values=True)
    if url.fragment or not all(_SIGNING.fullmatch(name) for name, _ in queried):
        return None  # another version, or a part of it
    if own and (url.scheme, url.netloc) == (own.scheme, own.netloc):
        return _of_path(path.removeprefix(own.path.rstrip("/")))
    host = _AMAZON.fullmatch(url.netloc)
    if url.scheme != "https" or not host:
        return None
    return (host["bucket"], path[1:]) if host["bucket"] else _of_path(path)


def _of_path(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key
