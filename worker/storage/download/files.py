"""Downloads objects to files: ranges side by side, checked as they arrive, gone on with later."""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from isal import isal_zlib

from worker.errors import FileUnusable, OneprefixError
from worker.file_errors import translated_file_errors
from worker.models.stored_object import InspectedObject
from worker.process.parallel import map_parallel
from worker.storage.download.partial_file import PartFile
from worker.storage.objects.checksums import checksum_of
from worker.storage.objects.reader import S3ObjectReader

#: What S3 advises for ranges side by side is 8 to 16 MB each.
RANGE_SIZE = 8 << 20
#: Of one object.
RANGES_AT_ONCE = 8


class S3Downloads:
    def __init__(self, reader: S3ObjectReader) -> None:
        self._reader = reader

    @contextmanager
    def alone_in(self, directory: Path) -> Iterator[None]:
        """The directory, made if need be, with no other download to it meanwhile."""
        with translated_file_errors(f"writing to {directory}"):
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock(descriptor, directory)
            yield
        finally:
            os.close(descriptor)

    def look(self, key: str, recorded: str | None) -> InspectedObject:
        """What lies under the key; with the `recorded` checksum where its store tells none."""
        found = self._reader.look(key)
        return replace(found, checksum=found.checksum or recorded)

    def has(self, file: Path, found: InspectedObject) -> bool:
        """Whether the file is this object: by checksum, or else by its download's time."""
        with translated_file_errors(f"reading {file}"):
            try:
                status = file.lstat()
            except FileNotFoundError:
                return False
            if not stat.S_ISREG(status.st_mode) or status.st_size != found.size:
                return False
            if found.checksum is None:
                return status.st_mtime == found.modified_at.timestamp()
            return checksum_of(file) == found.checksum

    def download(self, found: InspectedObject, to: Path, moved: Callable[[int], None]) -> None:
        """The whole object in the file, or what has arrived of it beside that for another time.

        `moved` is told how many bytes have arrived, from any thread.
        """
        with PartFile(to, found, RANGE_SIZE) as part:
            fetch = partial(self._fetch, part, found, moved)
            with closing(map_parallel(part.missing, fetch, concurrency=RANGES_AT_ONCE)) as outcomes:
                for _, outcome in outcomes:
                    if isinstance(outcome, OneprefixError):
                        raise outcome
            part.land()

    def _fetch(
        self, part: PartFile, found: InspectedObject, moved: Callable[[int], None], number: int
    ) -> None:
        at, end = part.limits(number)
        crc = 0
        for chunk in self._reader.chunks(found, at, end):
            part.write(at, chunk)
            crc = isal_zlib.crc32(chunk, crc)
            at += len(chunk)
            moved(len(chunk))
        part.finished(number, crc)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileUnusable(f"another command downloads to {directory}; wait for it") from None
