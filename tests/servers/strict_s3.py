"""A proxy before an S3 server that refuses what real S3 would, and fails as a test says."""

import re
import threading
import time
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.faults import (
    Action,
    AnswerError,
    CorruptBody,
    DropAnswer,
    Faults,
    HalfAnswer,
    Hang,
    LieAboutETag,
    Match,
    ResetConnection,
    S3Request,
)
from tests.servers.multipart import MultipartUpload
from tests.servers.operations import operation_name
from tests.servers.payload import Payload, corrupted, verified_payload
from tests.servers.proxying import Answer, Incoming, forward, listening
from tests.servers.s3 import S3Server
from tests.servers.s3_error import S3Error

XML = (("Content-Type", "application/xml"),)


@dataclass(frozen=True, slots=True)
class Exchange(S3Request):
    """A request and what became of it."""

    at: float  # when it was answered, as `time.time()` has it
    bytes_received: int
    status: int | None  # the upstream's or the proxy's, also if dropped; None if nobody answered
    refused_with: str | None  # the error code, where it was the proxy that refused
    verified: tuple[str, ...]  # checksum algorithms, and the names of headers with other digests
    fault: Action | None


@contextmanager
def strict_s3(upstream: S3Server) -> Iterator["StrictS3"]:
    """Serve the upstream's buckets on a port of its own, believing nothing."""
    proxy = StrictS3(upstream)
    with listening(proxy.answer) as url:
        proxy.server = replace(upstream, endpoint=url)
        try:
            yield proxy
        finally:
            proxy.close()


def _access_key(authorization: str) -> str:
    return authorization.partition("Credential=")[2].partition("/")[0]


def _copy_source(incoming: Incoming) -> str:
    return "/" + incoming.headers["x-amz-copy-source"].lstrip("/")


def _is_etag(there: Answer, wanted: str) -> bool:
    """Whether it has that ETag, with or without its quotes, or tells none."""
    return there.header("ETag").strip('"') in (wanted.strip('"'), "")


def _headers(incoming: Incoming) -> Message:
    """Those that say who asks, and nothing of what is asked for."""
    headers = Message()
    for name in ("Host", "Authorization", "X-Amz-Date", "X-Amz-Content-SHA256"):
        if name in incoming.headers:
            headers[name] = incoming.headers[name]
    return headers


def _with_checksum(body: bytes, upload: MultipartUpload, content: bytes) -> bytes:
    if upload.asked is None:
        return body
    name = f"Checksum{upload.asked.name.upper()}"
    checksum = b64encode(upload.asked.digest(content)).decode()
    end = b"</CopyPartResult>"
    return body.replace(end, f"<{name}>{checksum}</{name}>".encode() + end)


class StrictS3:
    """The proxy, as a test sees it: where it listens, what it saw, what shall go wrong."""

    server: S3Server

    def __init__(self, upstream: S3Server) -> None:
        self._upstream = urlsplit(upstream.endpoint).netloc
        self._faults = Faults()
        self._lock = threading.Lock()
        self._counts: Counter[tuple[object, ...]] = Counter()
        self._exchanges: list[Exchange] = []
        self._uploads: dict[str, MultipartUpload] = {}
        self._closed = threading.Event()
        self._mended = threading.Event()

    @property
    def requests(self) -> list[Exchange]:
        """All that was asked so far, in the order of the answers."""
        with self._lock:
            return list(self._exchanges)

    @property
    def refusals(self) -> list[Exchange]:
        """The requests that the proxy itself answered with an error, faults included."""
        return [exchange for exchange in self.requests if exchange.refused_with]

    def fault(self, match: Match, action: Action, times: int | None = None) -> None:
        """Let this happen to the first `times` requests that match; to all, if not limited."""
        self._faults.order(match, action, times)

    def mend(self) -> None:
        """From now on nothing goes wrong, and what hangs goes on."""
        self._faults.clear()
        self._mended.set()
        self._mended = threading.Event()

    def close(self) -> None:
        """Answer nothing any more, also on connections that are still open."""
        self._closed.set()
        self.mend()

    def answer(self, incoming: Incoming) -> Answer | None:
        """The answer to a request, recorded; None where the connection is to be broken."""
        request = self._identified(incoming)
        mended = self._mended  # that it is asked for before the fault is, and not after
        fault = self._faults.due(request)
        if isinstance(fault, Hang):
            mended.wait(fault.seconds)
        answer, code, verified = self._outcome(request, incoming, fault)
        exchange = Exchange(
            **asdict(request),
            at=time.time(),
            bytes_received=len(incoming.body),
            status=answer.status if answer else None,
            refused_with=code,
            verified=verified,
            fault=fault,
        )
        with self._lock:
            self._exchanges.append(exchange)
        match fault:
            case DropAnswer():
                return None
            case HalfAnswer() if answer:
                return replace(answer, broken=True)
            case LieAboutETag(etag) if answer:
                others = tuple((k, v) for k, v in answer.headers if k.lower() != "etag")
                body = re.sub(rb"<ETag>[^<]*<", b"<ETag>%b<" % etag.encode(), answer.body)
                return replace(answer, headers=(*others, ("ETag", f'"{etag}"')), body=body)
        return answer

    def _identified(self, incoming: Incoming) -> S3Request:
        url = urlsplit(incoming.target)
        query = {k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
        bucket, _, key = unquote(url.path)[1:].partition("/")
        operation = operation_name(
            incoming.method, bool(bucket) + bool(key), query, incoming.headers
        )
        number = int(query["partNumber"]) if query.get("partNumber", "").isdigit() else None
        with self._lock:
            self._counts[operation, bucket, key, number] += 1
            count = self._counts[operation, bucket, key, number]
        upload_id = query.get("uploadId")
        has_checksum = any(name.lower().startswith("x-amz-checksum-") for name in incoming.headers)
        has_condition = "If-Match" in incoming.headers or "If-None-Match" in incoming.headers
        return S3Request(
            method=incoming.method,
            operation=operation,
            bucket=bucket,
            key=key,
            part_number=number,
            upload_id=upload_id,
            count=count,
            has_checksum=has_checksum,
            has_condition=has_condition,
            access_key=_access_key(incoming.headers.get("Authorization", "")),
        )

    def _outcome(
        self, request: S3Request, incoming: Incoming, fault: Action | None
    ) -> tuple[Answer | None, str | None, tuple[str, ...]]:
        try:
            answer, verified = self._handled(request, self._disturbed(incoming, fault))
        except S3Error as error:
            return Answer(error.status, XML, error.xml()), error.code, ()
        except (OSError, HTTPException):
            return None, None, ()
        return answer, None, verified

    def _disturbed(self, incoming: Incoming, fault: Action | None) -> Incoming:
        match fault:
            case AnswerError(status, code, message):
                raise S3Error(code, message, status)
            case ResetConnection():
                raise ConnectionResetError
            case CorruptBody():
                body = corrupted(incoming.headers, incoming.body)
                incoming = replace(incoming, body=body)
        if self._closed.is_set():
            raise ConnectionResetError
        return incoming

    def _handled(self, request: S3Request, incoming: Incoming) -> tuple[Answer, tuple[str, ...]]:
        """Check, forward and remember; gives what was verified beside the answer."""
        completes = request.operation == "CompleteMultipartUpload"
        payload = verified_payload(incoming.headers, incoming.body, not completes)
        verified = payload.verified
        match request.operation:
            case "CreateMultipartUpload":
                answer = self._create(incoming)
            case "UploadPart":
                answer = self._upload_part(request, incoming, payload)
            case "CompleteMultipartUpload":
                upload = self._upload(request)
                verified += upload.check_completion(incoming.headers, payload.content)
                self._check_match(incoming)
                answer = forward(incoming, self._upstream)
            case "ListMultipartUploads":
                answer = self._dated(forward(incoming, self._upstream))
            case "CopyObject":
                self._check_source(incoming)
                self._check_match(incoming)
                answer = forward(incoming, self._upstream)
            case "UploadPartCopy":
                self._check_source(incoming)
                answer = self._copy_part(request, incoming)
            case _:
                answer = forward(incoming, self._upstream)
        return answer, verified

    def _check_match(self, incoming: Incoming) -> None:
        """moto checks conditions of an object that is put, but not of one that is completed or
        copied."""
        target = incoming.target.partition("?")[0]
        for name in ("If-Match", "If-None-Match"):
            if name in incoming.headers and not self._holds(name, incoming, target):
                raise S3Error("PreconditionFailed", f"{name} does not hold.", 412)

    def _check_source(self, incoming: Incoming) -> None:
        wanted = incoming.headers.get("x-amz-copy-source-if-match")
        source = _copy_source(incoming)
        if wanted and not _is_etag(self._head(source, incoming), wanted):
            raise S3Error("PreconditionFailed", "x-amz-copy-source-if-match does not hold.", 412)

    def _holds(self, name: str, incoming: Incoming, target: str) -> bool:
        there = self._head(target, incoming)
        if name == "If-None-Match":
            # rclone refuses to tell: it is not asked as signed
            return there.status != HTTPStatus.OK
        return _is_etag(there, incoming.headers[name])

    def _head(self, target: str, incoming: Incoming) -> Answer:
        headers = _headers(incoming)
        return forward(Incoming("HEAD", target, headers, b""), self._upstream)

    def _copy_part(self, request: S3Request, incoming: Incoming) -> Answer:
        """With the part's checksum, which moto does not tell; rclone copies nothing, and says so
        by an empty answer."""
        upload = self._upload(request)
        answer = forward(incoming, self._upstream)
        has_result = answer.status == HTTPStatus.OK and answer.body
        etag = ET.fromstring(answer.body).findtext("{*}ETag") if has_result else None
        if etag is None or request.part_number is None:
            return answer
        headers = _headers(incoming)
        headers["Range"] = incoming.headers["x-amz-copy-source-range"]
        source = Incoming("GET", _copy_source(incoming), headers, b"")
        content = forward(source, self._upstream).body
        upload.take_part(request.part_number, content, etag)
        return replace(answer, body=_with_checksum(answer.body, upload, content))

    def _dated(self, listing: Answer) -> Answer:
        """With the times at which they were created, which moto tells wrong."""

        def dated(found: re.Match[str]) -> str:
            known = next((self._uploads[each] for each in self._uploads if each in found[0]), None)
            if known is None:
                return found[0]
            initiated = f"<Initiated>{known.created_at:%Y-%m-%dT%H:%M:%SZ}<"
            return re.sub("<Initiated>[^<]*<", initiated, found[0])

        body = re.sub("<Upload>.*?</Upload>", dated, listing.body.decode(), flags=re.DOTALL)
        return replace(listing, body=body.encode())

    def _create(self, incoming: Incoming) -> Answer:
        upload = MultipartUpload.created_by(incoming.headers)
        answer = forward(incoming, self._upstream)
        if answer.status == HTTPStatus.OK:
            self._uploads[ET.fromstring(answer.body).findtext("{*}UploadId", "")] = upload
        return answer

    def _upload_part(self, request: S3Request, incoming: Incoming, payload: Payload) -> Answer:
        upload = self._upload(request)
        upload.check_part(payload)
        answer = forward(incoming, self._upstream)
        if answer.status == HTTPStatus.OK and request.part_number:
            upload.take_part(request.part_number, payload.content, answer.header("ETag"))
        return answer

    def _upload(self, request: S3Request) -> MultipartUpload:
        try:
            return self._uploads[request.upload_id or ""]
        except KeyError:
            raise S3Error("NoSuchUpload", "The upload does not exist here.", 404) from None
