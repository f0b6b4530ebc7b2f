"""URLs of objects: written in one form, read in every form found in databases; no I/O."""

import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from worker.errors import InvalidObjectUrl
from worker.models.stored_object import ObjectUrl
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
#: Parameters that presigning adds, by signature versions 4 and 2, and overrides of headers.
_SIGNING = re.compile(r"(?i:x-amz-.*|x-id|AWSAccessKeyId|Signature|Expires|response-.*)")


def permanent_url(bucket: str, key: str, endpoint: str) -> str:
    """The object's URL as `runs.results_url` has it; never presigned."""
    if is_amazon(endpoint):
        return f"https://{bucket}.s3.amazonaws.com/{quote(key)}"
    return f"{_public(endpoint).geturl().rstrip('/')}/{bucket}/{quote(key)}"


def parse_url(text: str, *, endpoint: str = "") -> ObjectUrl:
    """The object that `s3://bucket/key` or an HTTPS URL names, presigned or not.

    `?versionId=` names one version of the object.

    `endpoint`: of a store that is not Amazon's, whose URLs have the bucket in their path. Raises
    InvalidObjectUrl for every other text.
    """
    is_s3 = text.startswith("s3://")  # where a key stands as it is, without escapes
    found = _of_path(text.removeprefix("s3://")) if is_s3 else _of_http(text, endpoint)
    if found is None or not _BUCKET.fullmatch(found.bucket) or not found.key:
        raise InvalidObjectUrl(f"{redacted(text)!r:.300} names no object in S3")
    return found


def _of_http(text: str, endpoint: str) -> ObjectUrl | None:
    try:
        url = urlsplit(text)
        own = endpoint and _public(endpoint)
        path = unquote(url.path, errors="strict")
        version = _version(url)
    except ValueError:
        return None
    if own and (url.scheme, _public(text).netloc) == (own.scheme, own.netloc):
        return _of_path(path.removeprefix(own.path.rstrip("/")).removeprefix("/"), version)
    host = _AMAZON.fullmatch(url.netloc.lower())
    if url.scheme not in ("https", "http") or not host:
        return None
    if host["bucket"]:
        return ObjectUrl(host["bucket"], path[1:], version)
    return _of_path(path[1:], version)


def _version(url: SplitResult) -> str | None:
    """The version that the URL names; ValueError if it names a part, or anything else, of it."""
    queried = parse_qsl(url.query, keep_blank_values=True)
    versions = [value for name, value in queried if name == "versionId"]
    others = (name for name, _ in queried if name != "versionId")
    is_known = all(map(_SIGNING.fullmatch, others))
    if url.fragment or not is_known or len(versions) > 1 or "" in versions:
        raise ValueError(url.query)
    return versions[0] if versions else None


def _public(text: str) -> SplitResult:
    """The URL without a user and a password, its host in small letters."""
    url = urlsplit(text)
    return url._replace(netloc=url.netloc.rpartition("@")[2].lower())


def _of_path(path: str, version: str | None = None) -> ObjectUrl:
    bucket, _, key = path.partition("/")
    return ObjectUrl(bucket, key, version)
