"""What of an object has arrived: `name.part`, and beside it `name.part.ranges`, which says what."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from isal import isal_zlib

from worker.errors import StorageUnavailable
from worker.file_errors import translated_file_errors
from worker.models.stored_object import InspectedObject
from worker.storage.objects.checksums import CRC32, crc_of, encode_crc32


class PartFile:
    """Holds ranges of the object, those of an earlier attempt if they are of the same and sound.

    Only one may be open for a file at a time. Threads may write to it side by side.
    """

    def __init__(self, to: Path, found: InspectedObject, range_size: int) -> None:
        self._to = to
        self._found = found
        self._range_size = range_size
        self._crcs: dict[int, int] = {}
        self._path = to.with_name(f"{to.name}.part")
        self._ranges_path = to.with_name(f"{to.name}.part.ranges")

    def __enter__(self) -> Self:
        with translated_file_errors(f"writing {self._path}"):
            self._data = _opened(self._path, 0)
            self._ranges = _opened(self._ranges_path, os.O_APPEND)
            self._go_on()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._data)
        os.close(self._ranges)

    @property
    def missing(self) -> list[int]:
        return [number for number in range(self._count) if number not in self._crcs]

    def limits(self, number: int) -> tuple[int, int]:
        start = number * self._range_size
        return start, min(start + self._range_size, self._found.size)

    def write(self, at: int, chunk: bytes) -> None:
        with translated_file_errors(f"writing {self._path}"):
            while chunk:
                written = os.pwrite(self._data, chunk, at)
                at, chunk = at + written, chunk[written:]

    def finished(self, number: int, crc: int) -> None:
        with translated_file_errors(f"writing {self._ranges_path}"):
            os.write(self._ranges, f"{number} {crc}\n".encode())  # whole, since it is appended
        self._crcs[number] = crc

    def land(self) -> None:
        """Everything has arrived: it takes the file's place, or is thrown away if it is wrong."""
        with translated_file_errors(f"writing {self._to}"):
            if self._found.checksum not in (None, self._checksum):
                self._path.unlink()
                self._ranges_path.unlink()
                raise StorageUnavailable(
                    f"{self._found.key} did not arrive as it is recorded: its checksum is"
                    f" {self._checksum}, not {self._found.checksum}"
                )
            at = self._found.modified_at.timestamp()
            os.utime(self._data, (at, at))
            os.fsync(self._data)
            self._path.replace(self._to)
            self._ranges_path.unlink()

    @property
    def _count(self) -> int:
        return -(-self._found.size // self._range_size)

    @property
    def _checksum(self) -> str:
        whole = 0
        for number in range(self._count):
            start, end = self.limits(number)
            whole = isal_zlib.crc32_combine(whole, self._crcs[number], end - start)
        return f"{CRC32}:{encode_crc32(whole)}"

    def _go_on(self) -> None:
        head = json.dumps([self._found.etag, self._found.size, self._range_size])
        told = self._ranges_path.read_text(errors="replace").split("\n")
        if told[0] == head:
            self._take_up(told[1:])
            return
        os.truncate(self._ranges, 0)
        os.write(self._ranges, f"{head}\n".encode())
        os.truncate(self._data, 0)
        os.truncate(self._data, self._found.size)

    def _take_up(self, told: list[str]) -> None:
        """The ranges that are told of and on the disk: a crash may have lost either."""
        for line in told:
            number, _, crc = line.partition(" ")
            if not (number.isdecimal() and crc.isdecimal() and int(number) < self._count):
                continue
            if crc_of(self._data, *self.limits(int(number))) == int(crc):
                self._crcs[int(number)] = int(crc)


def _opened(path: Path, flags: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o666)
