"""What a store may answer, and URLs that a row may hold."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.session import Session
from hypothesis import example, given
from hypothesis import strategies as some

from worker.errors import InvalidObjectUrl, OneprefixError
from worker.storage.answers import Answers
from worker.storage.objects.bucket import Bucket
from worker.storage.objects.url import parse_url

NAMES = (
    "ListBucketResult",
    "ListMultipartUploadsResult",
    "InitiateMultipartUploadResult",
    "Error",
    "Contents",
    "Upload",
    "Key",
    "Size",
    "ETag",
    "LastModified",
    "UploadId",
    "Initiated",
    "IsTruncated",
    "NextContinuationToken",
    "Code",
    "Message",
)
TEXTS = ("", "jobs/12/a", "-1", "1", "many", "true", "2025-10-23T21:15:00Z", "yesterday", "&#x1b;")


def element(name: str, inside: list[str]) -> str:
    return f"<{name}>{''.join(inside)}</{name}>"


documents = some.recursive(
    some.sampled_from(TEXTS),
    lambda inside: some.builds(element, some.sampled_from(NAMES), some.lists(inside, max_size=4)),
    max_leaves=12,
).map(str.encode)
headers = some.dictionaries(
    some.sampled_from(["ETag", "Date", "Content-Length", "Last-Modified", "x-amz-bucket-region"]),
    some.sampled_from(['"e"', *TEXTS[:-1]]),
)
statuses = some.sampled_from([200, 204, 206, 301, 307, 400, 403, 404, 412])
DOINGS: list[Callable[[Bucket], Any]] = [
    lambda bucket: bucket.head("jobs/12/a"),
    lambda bucket: list(bucket.list("jobs/12/")),
    lambda bucket: list(bucket.incomplete_uploads("jobs/12/")),
    lambda bucket: bucket.moment(0),
]


class Store:
    """Connections that lead nowhere, and the same answer to every request."""

    def __init__(self, status: int, told: dict[str, str], body: bytes) -> None:
        self.answer = status, told, body

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        status, told, body = self.answer
        return AWSResponse(request.url, status, HeadersDict(told), Body(body))  # type: ignore[arg-type]  # as its own sessions give

    def close(self) -> None: ...


class Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def bucket() -> Bucket:
    client: Any = Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://store.example",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    Answers().register(client)
    return Bucket(client, "bucket")


BUCKET = bucket()


@given(some.sampled_from(DOINGS), statuses, headers, documents | some.binary(max_size=60))
@example(DOINGS[1], 200, {}, b"<ListBucketResult><Contents></Contents></ListBucketResult>")
@example(DOINGS[0], 307, {}, b"")
@example(DOINGS[0], 301, {}, b"<a><Error></Error></a>")
@example(DOINGS[0], 204, {}, b"\x00")
@example(DOINGS[0], 200, {"ETag": '"e"', "Content-Length": "1", "Date": "yesterday"}, b"")
def test_an_answer_is_read_or_an_error_of_ours(
    doing: Callable[[Bucket], Any], status: int, told: dict[str, str], body: bytes
) -> None:
    endpoint: Any = BUCKET.client._endpoint  # type: ignore[attr-defined]
    endpoint.http_session = Store(status, told, body)
    with suppress(OneprefixError):
        doing(BUCKET)


@given(
    some.text(max_size=60)
    | some.builds(
        "{}://{}/{}{}".format,
        some.sampled_from(["s3", "https", "http", "", "file"]),
        some.text(some.sampled_from("ab.-:@[]%/?#\0\n0159"), max_size=20),
        some.text(max_size=20),
        some.sampled_from(["", "?versionId=1", "?versionId=", "#a", "?X-Amz-Signature=s"]),
    )
)
@example("https://[::1/b")
@example("http://a:b:c@h:99999999/b/k")
def test_a_url_names_an_object_or_is_refused_in_one_line(url: str) -> None:
    try:
        found = parse_url(url, endpoint="http://store.example:9000")
    except InvalidObjectUrl as error:
        assert "\n" not in str(error)  # noqa: PT017  most are refused
        return
    assert found.bucket
    assert found.key
