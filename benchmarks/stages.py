"""The stages of packing and sending, each alone and on one thread, by whatever can do it.

In each group the first is what the others are compared with.
"""

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from isal import isal_zlib
from isal.isal_zlib import _ParallelCompress

from benchmarks.floors import LEVEL, ROOM
from benchmarks.ours import ReadyMade, packager, packed, timed, uploader
from benchmarks.sink.client import BUCKET, RawClient, created, part_path
from benchmarks.text import MIB

PART, PARTS = 8 * MIB, 16
_RAW = -15


@dataclass(frozen=True, slots=True)
class Stage:
    group: str
    name: str
    amount: float
    """Of `unit`, that one call of `work` does."""
    unit: str
    work: Callable[[], int | None]
    """Gives the bytes that are left of `amount`, if it makes them fewer."""


def deflating(text: bytes) -> Iterator[Stage]:
    pieces = [text[at : at + MIB] for at in range(0, len(text), MIB)]
    reused = _ParallelCompress(ROOM, LEVEL)
    ways: dict[str, Callable[[bytes], bytes]] = {
        "ISA-L level 1, one object reused": lambda piece: reused.compress_and_crc(piece, b"")[0],
        **{f"ISA-L level {n}": partial(_isal, level=n) for n in (1, 2, 3)},
        **{f"zlib level {n}": partial(_zlib, level=n) for n in (1, 6)},
    }
    for name, way in ways.items():
        yield Stage("deflate", name, len(text) / 1e6, "MB/s", partial(_deflated, way, pieces))


def checksums(text: bytes) -> Iterator[Stage]:
    ways: dict[str, Callable[[bytes], object]] = {
        "CRC-32, ISA-L": isal_zlib.crc32,
        "CRC-32, zlib": zlib.crc32,
        "SHA-256": lambda data: hashlib.sha256(data).digest(),
    }
    for name, way in ways.items():
        yield Stage("checksum", name, len(text) / 1e6, "MB/s", partial(_ignored, way, text))


def files(run: Path) -> Iterator[Stage]:
    names = [str(path) for path in sorted(run.rglob("*")) if path.is_file()]
    ways: dict[str, Callable[[], object]] = {
        "scandir": partial(_listed, str(run), stat=False),
        "scandir and stat": partial(_listed, str(run), stat=True),
        "open, read, close": partial(_opened, names),
        "ours, packed to nowhere": partial(_packed, run),
    }
    for name, way in ways.items():
        yield Stage("small files", name, len(names), "files/s", partial(_ignored, way))


def sending(port: int) -> Iterator[Stage]:
    """The environment leads boto3 to the same sink."""
    part = os.urandom(PART)
    package = ReadyMade(part * PARTS)
    ours = uploader(BUCKET, connections=1)
    ways: dict[str, Callable[[], object]] = {
        "raw socket": partial(_sent_raw, port, part),
        "boto3 upload_part": partial(_sent_by_boto3, part),
        "ours, one connection": lambda: ours(package),
    }
    for name, way in ways.items():
        yield Stage("8 MiB parts", name, PARTS * PART / 1e6, "MB/s", partial(_ignored, way))


def _isal(piece: bytes, level: int) -> bytes:
    return isal_zlib.compress(piece, level, _RAW)


def _zlib(piece: bytes, level: int) -> bytes:
    return zlib.compress(piece, level, _RAW)


def _deflated(way: Callable[[bytes], bytes], pieces: list[bytes]) -> int:
    return sum(len(way(piece)) for piece in pieces)


def _ignored(way: Callable[..., object], *arguments: object) -> None:
    way(*arguments)


def _listed(directory: str, *, stat: bool) -> None:
    with os.scandir(directory) as entries:
        for entry in entries:
            if stat:
                entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                _listed(entry.path, stat=stat)


def _opened(names: list[str]) -> None:
    for name in names:
        descriptor = os.open(name, os.O_RDONLY)
        os.read(descriptor, ROOM)
        os.close(descriptor)


def _packed(run: Path) -> None:
    timed(run, packager(run.parent, threads=1), packed)


def _sent_raw(port: int, part: bytes) -> None:
    with RawClient(port) as client:
        upload_id = created(client, "raw")
        for number in range(1, PARTS + 1):
            client.request("PUT", part_path("raw", number, upload_id), [part], PART)


def _sent_by_boto3(part: bytes) -> None:
    client = boto3.client("s3")
    target: Any = {"Bucket": BUCKET, "Key": "boto3"}
    upload_id = client.create_multipart_upload(**target)["UploadId"]
    for number in range(1, PARTS + 1):
        client.upload_part(**target, UploadId=upload_id, PartNumber=number, Body=part)
