"""What S3 checks of a multipart upload over all its requests."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message

from tests.servers import checksums
from tests.servers.checksums import ALGORITHMS, COMPOSITE, FULL_OBJECT, Algorithm
from tests.servers.payload import Payload
from tests.servers.s3_error import S3Error

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MIN_PART_BYTES = 5 * 1024 * 1024
DEFAULT = ALGORITHMS["crc64nvme"]


@dataclass(frozen=True, slots=True)
class Part:
    length: int
    etag: str
    checksum: bytes


@dataclass(slots=True)
class MultipartUpload:
    """An upload as it was created, and the parts that the server took."""

    asked: Algorithm | None
    checksum_type: str
    parts: dict[int, Part] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def created_by(cls, headers: Message) -> "MultipartUpload":
        name = headers.get("x-amz-checksum-algorithm")
        asked = checksums.named(name) if name else None
        checksum_type = headers.get("x-amz-checksum-type")
        if checksum_type and (asked is None or checksum_type not in asked.types):
            raise S3Error("InvalidRequest", f"There is no {checksum_type} checksum with {name}.")
        return cls(asked, checksum_type or (asked or DEFAULT).types[0])

    @property
    def algorithm(self) -> Algorithm:
        return self.asked or DEFAULT

    def check_part(self, payload: Payload) -> None:
        """Refuse a part without the upload's checksum, or with one of another algorithm."""
        may_be_absent = self.checksum_type == FULL_OBJECT and payload.algorithm is None
        if self.asked is None or payload.algorithm is self.asked or may_be_absent:
            return
        actual = payload.algorithm.name if payload.algorithm else "null"
        raise S3Error(
            "InvalidRequest",
            "Checksum Type mismatch occurred, "
            f"expected checksum Type: {self.asked.name}, actual checksum Type: {actual}",
        )

    def take_part(self, number: int, content: bytes, etag: str) -> None:
        checksum = self.algorithm.digest(content)
        self.parts[number] = Part(len(content), etag.strip('"'), checksum)

    def check_completion(self, headers: Message, body: bytes) -> tuple[str, ...]:
        """Refuse a completion that S3 would; name the algorithm that was verified."""
        listed = _listed_parts(body)
        numbers = [number for number, _ in listed]
        if numbers != sorted(set(numbers)):
            raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order.")
        parts = [self._listed_part(number, element) for number, element in listed]
        if any(part.length < MIN_PART_BYTES for part in parts[:-1]):
            raise S3Error("EntityTooSmall", "A part but the last is smaller than 5 MiB.")
        _check_size(headers, parts)
        return self._check_object(headers, parts)

    def _listed_part(self, number: int, element: ET.Element) -> Part:
        part = self.parts.get(number)
        if part is None or element.findtext("{*}ETag", "").strip().strip('"') != part.etag:
            raise S3Error("InvalidPart", f"Part {number} is unknown, or has another ETag.")
        stated = _stated_checksums(element)
        # S3 keeps no checksum of the parts of an upload that was created without an algorithm.
        kept = (self.asked.name, part.checksum) if self.asked else None
        if any((name, checksums.decoded(text)) != kept for name, text in stated):
            raise S3Error("InvalidPart", f"Part {number} has another checksum.")
        if self.checksum_type == COMPOSITE and not stated:
            raise S3Error(
                "InvalidRequest",
                f"The upload was created using a {self.algorithm.name} checksum. The complete "
                f"request must include the checksum for each part. It was missing for {number}.",
            )
        return part

    def _check_object(self, headers: Message, parts: Sequence[Part]) -> tuple[str, ...]:
        if headers.get("x-amz-checksum-type", self.checksum_type) != self.checksum_type:
            raise S3Error("BadDigest", f"The upload was created as {self.checksum_type}.")
        stated = checksums.given(headers.items())
        if stated is None:
            return ()
        algorithm, value = stated
        if algorithm is not self.algorithm:
            # S3 ignores some of these; a test would take them for verified.
            raise S3Error("InvalidRequest", f"The upload's checksum is {self.algorithm.name}.")
        checksums.parsed(algorithm, value.partition("-")[0])
        whole = checksums.composite if self.checksum_type == COMPOSITE else checksums.full_object
        if value != whole(algorithm, [(part.checksum, part.length) for part in parts]):
            raise checksums.mismatch(algorithm)
        return (algorithm.name,)


def _listed_parts(body: bytes) -> list[tuple[int, ET.Element]]:
    try:
        elements = ET.fromstring(body).findall("{*}Part")
        listed = [(int(part.findtext("{*}PartNumber", "")), part) for part in elements]
    except (ET.ParseError, ValueError):
        listed = []
    if not listed:
        raise S3Error("MalformedXML", "The list of parts is empty or not well-formed.")
    return listed


def _stated_checksums(part: ET.Element) -> list[tuple[str, str]]:
    fields = ((child.tag.rpartition("}")[2], child.text or "") for child in part)
    return [
        (tag.removeprefix("Checksum").lower(), text)
        for tag, text in fields
        if tag.startswith("Checksum")
    ]


def _check_size(headers: Message, parts: Sequence[Part]) -> None:
    stated = headers.get("x-amz-mp-object-size")
    size = sum(part.length for part in parts)
    if stated is not None and stated != str(size):
        raise S3Error(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header value {stated} "
            f"does not match what was computed: {size}",
        )
