"""The operations of S3 that an upload needs, each answered at once."""

import json
import resource
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from benchmarks.sink.body import drained, whole
from benchmarks.sink.checksums import BadDigest, Checksums
from benchmarks.sink.connection import Connection, Head
from benchmarks.sink.store import NoSuchUpload, Store, Stored

#: Not S3's: what the sink took so far, as JSON.
STATISTICS = "/_sink"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None


@dataclass(slots=True)
class Operations:
    store: Store
    hashing: bool = False
    """Whether payload hashes are verified, see `Checksums`."""
    bytes_received: int = 0
    requests: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, connection: Connection, head: Head) -> Answer:
        try:
            return self._answer(connection, head)
        except BadDigest as error:
            return _refused(HTTPStatus.BAD_REQUEST, "BadDigest", str(error))
        except NoSuchUpload as error:
            return _refused(HTTPStatus.NOT_FOUND, "NoSuchUpload", str(error))
        finally:
            with self._counting:
                self.requests += 1
                self.bytes_received += connection.received
                connection.received = 0

    def _answer(self, connection: Connection, head: Head) -> Answer:
        if head.path == STATISTICS:
            return Answer(body=self._statistics())
        if "/" not in head.path.strip("/"):
            whole(connection, head)
            return _of_bucket(head)
        part = head.query.keys() & {"uploads", "uploadId"}
        answer = self._of_upload if part else self._of_object
        return answer(connection, head, head.path.lstrip("/"))

    def _of_object(self, connection: Connection, head: Head, key: str) -> Answer:
        match head.method:
            case "PUT":
                return _stored(self.store.put(key, self._drained(connection, head)))
            case "HEAD" if stored := self.store.objects.get(key):
                return Answer(headers=stored.headers, length=stored.size)
            case "HEAD":
                return Answer(HTTPStatus.NOT_FOUND)
        whole(connection, head)
        return _refused(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", head.method)

    def _of_upload(self, connection: Connection, head: Head, key: str) -> Answer:
        upload_id = head.query.get("uploadId", "")
        match head.method:
            case "PUT":
                number, content = int(head.query["partNumber"]), self._drained(connection, head)
                return _stored(self.store.put_part(upload_id, number, content))
            case "POST" if upload_id:
                done = self.store.complete(upload_id, whole(connection, head), head.headers)
                etag = done.headers["ETag"]
                return _xml("CompleteMultipartUploadResult", f"<ETag>{etag}</ETag>")
            case "POST":
                whole(connection, head)
                upload_id = self.store.create(key, head.headers)
                return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload_id}</UploadId>")
        self.store.abort(upload_id)
        return Answer(HTTPStatus.NO_CONTENT)

    def _drained(self, connection: Connection, head: Head) -> Checksums:
        return drained(connection, head, hashing=self.hashing)

    def _statistics(self) -> bytes:
        used = resource.getrusage(resource.RUSAGE_SELF)
        latest = self.store.objects.get(self.store.latest or "")
        return json.dumps(
            {
                "bytes_received": self.bytes_received,
                "requests": self.requests,
                "cpu_seconds": used.ru_utime + used.ru_stime,
                "latest_size": latest.size if latest else 0,
            }
        ).encode()


def _of_bucket(head: Head) -> Answer:
    """Every bucket is there, in the region that needs no name, and lists nothing."""
    if head.method != "GET":
        return Answer()
    if "location" in head.query:
        return _xml("LocationConstraint", "")
    return _xml("ListBucketResult", "<IsTruncated>false</IsTruncated><KeyCount>0</KeyCount>")


def _stored(stored: Stored) -> Answer:
    return Answer(headers=stored.headers)


def _xml(name: str, content: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}>{content}</{name}>'
    return Answer(headers={"Content-Type": "application/xml"}, body=text.encode())


def _refused(status: int, code: str, message: str) -> Answer:
    answer = _xml("Error", f"<Code>{code}</Code><Message>{message}</Message>")
    return Answer(status, answer.headers, answer.body)
