"""Partial download, with a journal of verified ranges: `name.part` and `name.part.ranges`.

The journal's first line names the object; every other one is a range's number and CRC-32.
"""

import json
import os
from pathlib import Path
from typing import Self

from isal import isal_zlib

from worker.errors import StorageUnavailable
from worker.file_errors import translated_file_errors
from worker.models.stored_object import StoredObject
from worker.storage.objects.checksums import CRC32, crc_of, encode_crc32


class PartialFile:
    """Keeps the ranges of an earlier download if they are of the same object and undamaged.

    `checksum`: of the whole object, as `CRC32:base64`; None if unknown. `range_size`: bytes. Only
    one may be open for a file at a time. Threads may write to it side by side.
    """

    def __init__(
        self, to: Path, found: StoredObject, checksum: str | None, range_size: int
    ) -> None:
        self._to = to
        self._found = found
        self._checksum = checksum
        self._range_size = range_size
        self._crcs: dict[int, int] = {}
        self._path = to.with_name(f"{to.name}.part")
        self._ranges_path = to.with_name(f"{to.name}.part.ranges")

    def __enter__(self) -> Self:
        with translated_file_errors(f"writing {self._path}"):
            self._data = _opened(self._path, 0)
            self._ranges = _opened(self._ranges_path, os.O_APPEND)
            self._resume()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._data)
        os.close(self._ranges)

    @property
    def missing(self) -> list[int]:
        return [number for number in range(self._count) if number not in self._crcs]

    def limits(self, number: int) -> tuple[int, int]:
        """Where the range starts and ends in the object."""
        start = number * self._range_size
        return start, min(start + self._range_size, self._found.size)

    def write(self, at: int, chunk: bytes) -> None:
        with translated_file_errors(f"writing {self._path}"):
            while chunk:
                written = os.pwrite(self._data, chunk, at)
                at, chunk = at + written, chunk[written:]

    def finished(self, number: int, crc: int) -> None:
        """Note in the journal that all bytes of the range, with this CRC-32, are written."""
        with translated_file_errors(f"writing {self._ranges_path}"):
            os.write(self._ranges, f"{number} {crc}\n".encode())  # O_APPEND keeps lines apart
        self._crcs[number] = crc

    def land(self) -> None:
        """Rename to the final name once all ranges have arrived.

        Raises StorageUnavailable, and removes the download, if its checksum is not the object's.
        """
        arrived = self._arrived_checksum()
        with translated_file_errors(f"writing {self._to}"):
            if self._checksum not in (None, arrived):
                self._path.unlink()
                self._ranges_path.unlink()
                raise StorageUnavailable(
                    f"{self._found.key} did not arrive as it is recorded: its checksum is"
                    f" {arrived}, not {self._checksum}"
                )
            at = self._found.modified_at.timestamp()
            os.utime(self._data, (at, at))
            os.fsync(self._data)
            self._path.replace(self._to)
            self._ranges_path.unlink()

    @property
    def _count(self) -> int:
        return -(-self._found.size // self._range_size)

    def _arrived_checksum(self) -> str:
        whole = 0
        for number in range(self._count):
            start, end = self.limits(number)
            whole = isal_zlib.crc32_combine(whole, self._crcs[number], end - start)
        return f"{CRC32}:{encode_crc32(whole)}"

    def _resume(self) -> None:
        head = json.dumps([self._found.etag, self._found.size, self._range_size])
        journal = self._ranges_path.read_text(errors="replace").split("\n")
        if journal[0] == head:
            self._keep_sound_ranges(journal[1:])
            return
        os.truncate(self._ranges, 0)
        os.write(self._ranges, f"{head}\n".encode())
        os.truncate(self._data, 0)
        os.truncate(self._data, self._found.size)

    def _keep_sound_ranges(self, journal: list[str]) -> None:
        """Keep the ranges whose bytes have the journal's CRC-32: a crash may have lost either."""
        for line in journal:
            number, _, crc = line.partition(" ")
            if not (number.isdecimal() and crc.isdecimal() and int(number) < self._count):
                continue
            if crc_of(self._data, *self.limits(int(number))) == int(crc):
                self._crcs[int(number)] = int(crc)


def _opened(path: Path, flags: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o666)
