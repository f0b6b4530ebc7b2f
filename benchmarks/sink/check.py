"""Makes sure, before anything is measured, that the sink does not believe what it is told."""

from http import HTTPStatus

from benchmarks.sink.checksums import encoded
from benchmarks.sink.client import BUCKET, RawClient, Sink, created, part_path

CONTENT = b"123456789"
#: CRC-32's check value, of these nine digits.
CRC32 = 0xCBF43926
_HEADER = "x-amz-checksum-crc32"


class Gullible(Exception):
    """The sink answered a checksum otherwise than S3."""


def require_strict(sink: Sink) -> None:
    """Gullible unless right checksums pass and wrong ones don't."""
    right, wrong = encoded(CRC32), encoded(CRC32 ^ 1)
    with RawClient(sink.port) as client:
        for value, status in ((right, HTTPStatus.OK), (wrong, HTTPStatus.BAD_REQUEST)):
            _expect(status, _part(client, value), "of a part")
            _expect(status, _trailer(client, value), "in a trailer")
            _expect(status, _completed(client, value), "of an object")


def _expect(status: int, answered: int, where: str) -> None:
    if answered != status:
        raise Gullible(f"a checksum {where} was answered {answered}, not {status}")


def _part(client: RawClient, value: str) -> int:
    path = part_path("strict", 1, created(client, "strict"))
    return client.request("PUT", path, [CONTENT], len(CONTENT), {_HEADER: value})[0]


def _trailer(client: RawClient, value: str) -> int:
    size = f"{len(CONTENT):x}".encode()
    body = b"%b\r\n%b\r\n0\r\n%b:%b\r\n\r\n" % (size, CONTENT, _HEADER.encode(), value.encode())
    headers = {"Content-Encoding": "aws-chunked", "x-amz-trailer": _HEADER}
    return client.request("PUT", f"/{BUCKET}/strict", [body], len(body), headers)[0]


def _completed(client: RawClient, value: str) -> int:
    """An object of two parts that are each sent without a checksum."""
    upload_id = created(client, "strict")
    for number, content in enumerate((CONTENT[:4], CONTENT[4:]), 1):
        client.request("PUT", part_path("strict", number, upload_id), [content], len(content))
    listed = b"<PartNumber>1</PartNumber><PartNumber>2</PartNumber>"
    path = f"/{BUCKET}/strict?uploadId={upload_id}"
    return client.request("POST", path, [listed], len(listed), {_HEADER: value})[0]
