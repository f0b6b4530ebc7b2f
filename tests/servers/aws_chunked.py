"""The aws-chunked content coding: chunks with their sizes, then trailers."""

from tests.servers.s3_error import S3Error


def decode(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The content and the trailers, by lower-case name; chunk signatures aren't verified."""
    chunks: list[bytes] = []
    position = 0
    while True:
        size, position = _chunk_size(body, position)
        if size == 0:
            return b"".join(chunks), _trailers(body[position:])
        end = position + size
        if body[end : end + 2] != b"\r\n":
            raise S3Error("IncompleteBody", "A chunk does not have the size that it states.")
        chunks.append(body[position:end])
        position = end + 2


def _chunk_size(body: bytes, position: int) -> tuple[int, int]:
    end = body.find(b"\r\n", position)
    stated = body[position : max(end, position)].partition(b";")[0]
    try:
        return int(stated, 16), end + 2
    except ValueError:
        raise S3Error("IncompleteBody", "The body ends before its last chunk.") from None


def _trailers(encoded: bytes) -> dict[str, str]:
    if not (b"\r\n" + encoded).endswith(b"\r\n\r\n"):
        raise S3Error("IncompleteBody", "The body ends before its trailers do.")
    lines = encoded.decode("latin-1").split("\r\n")
    fields = [line.partition(":") for line in lines if line]
    if not all(colon for _, colon, _ in fields):
        raise S3Error("MalformedTrailerError", "A trailer is not a name and a value.")
    return {name.strip().lower(): value.strip() for name, _, value in fields}
