"""What a bucket remembers of its objects: sizes, CRC-32s and metadata."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from isal import isal_zlib

from benchmarks.sink.checksums import PREFIX, BadDigest, Checksums, encoded

_PART = re.compile(rb"<PartNumber>(\d+)</PartNumber>")


class NoSuchUpload(Exception):
    """The multipart upload, or one of its parts, is unknown."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object or a part of one."""

    size: int
    crc32: int
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {
            "ETag": f'"{self.crc32:08x}{self.size:024x}"',
            "x-amz-checksum-crc32": encoded(self.crc32),
            "x-amz-checksum-type": "FULL_OBJECT",
            **self.metadata,
        }


@dataclass(slots=True)
class Upload:
    key: str
    metadata: Mapping[str, str]
    parts: dict[int, Stored] = field(default_factory=dict)


class Store:
    """Shared by all connections: each changes a dictionary in one step."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.latest: str | None = None
        self._uploads: dict[str, Upload] = {}
        self._ids = itertools.count(1)

    def put(self, key: str, content: Checksums) -> Stored:
        return self._keep(key, Stored(content.size, content.crc32, _metadata(content.headers)))

    def create(self, key: str, headers: Mapping[str, str]) -> str:
        upload_id = f"upload-{next(self._ids)}"
        self._uploads[upload_id] = Upload(key, _metadata(headers))
        return upload_id

    def put_part(self, upload_id: str, number: int, content: Checksums) -> Stored:
        part = Stored(content.size, content.crc32)
        self._upload(upload_id).parts[number] = part
        return part

    def complete(self, upload_id: str, listed: bytes, headers: Mapping[str, str]) -> Stored:
        """The object that the listed parts make; BadDigest if the client takes it for another."""
        upload = self._upload(upload_id)
        size = crc32 = 0
        for number in map(int, _PART.findall(listed)):
            if number not in upload.parts:
                raise NoSuchUpload(f"part {number} of {upload_id}")
            part = upload.parts[number]
            crc32 = isal_zlib.crc32_combine(crc32, part.crc32, part.size)
            size += part.size
        _require(headers.get("x-amz-mp-object-size"), str(size))
        _require(headers.get(PREFIX + "crc32"), encoded(crc32))
        del self._uploads[upload_id]
        return self._keep(upload.key, Stored(size, crc32, upload.metadata))

    def abort(self, upload_id: str) -> None:
        self._uploads.pop(upload_id, None)

    def _keep(self, key: str, stored: Stored) -> Stored:
        self.objects[key] = stored
        self.latest = key
        return stored

    def _upload(self, upload_id: str) -> Upload:
        try:
            return self._uploads[upload_id]
        except KeyError:
            raise NoSuchUpload(upload_id) from None


def _metadata(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("x-amz-meta-")}


def _require(stated: str | None, found: str) -> None:
    if stated is not None and stated != found:
        raise BadDigest(f"the object has {found}, not {stated}")
