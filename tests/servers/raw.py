"""Requests written by hand, so that they can lie."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.servers.s3 import S3Server


@dataclass(frozen=True, slots=True)
class RawAnswer:
    status: int
    body: bytes

    @property
    def code(self) -> str | None:
        """The code of an S3 error; None where there is no error."""
        return ET.fromstring(self.body).findtext("{*}Code") if self.body else None


class _Signer(S3SigV4Auth):
    """Signs a payload hash as it is told."""

    payload_hash = "UNSIGNED-PAYLOAD"

    def payload(self, request: AWSRequest) -> str:
        return self.payload_hash


def ask(
    server: S3Server,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    payload_hash: str = "UNSIGNED-PAYLOAD",
) -> RawAnswer:
    """Send exactly this, signed; Content-Length is that of the body, if the headers have none."""
    request = AWSRequest(method, server.endpoint + path, dict(headers or {}), body)
    signer = _Signer(Credentials(server.access_key, server.secret_key), "s3", server.region)
    signer.payload_hash = payload_hash
    signer.add_auth(request)
    connection = HTTPConnection(urlsplit(server.endpoint).netloc, timeout=20)
    try:
        connection.request(method, path, body, dict(request.headers.items()))
        response = connection.getresponse()
        return RawAnswer(response.status, response.read())
    finally:
        connection.close()


def aws_chunked(content: bytes, trailers: Mapping[str, str], chunk_bytes: int = 65536) -> bytes:
    """The content in chunks, then the trailers."""
    chunks = [content[at : at + chunk_bytes] for at in range(0, len(content), chunk_bytes)]
    return b"".join(
        [
            *(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks),
            b"0\r\n",
            *(f"{name}:{value}\r\n".encode() for name, value in trailers.items()),
            b"\r\n",
        ]
    )
