"""Downloads objects to files: ranges side by side, verified, resumed after an interruption."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

from worker.errors import FileUnusable, OneprefixError
from worker.file_errors import translated_file_errors
from worker.models.stored_object import StoredObject
from worker.process.parallel import map_parallel
from worker.storage.download.partial_file import PartialFile
from worker.storage.objects.bucket import Bucket
from worker.storage.objects.checksums import checksum_of
from worker.wording import counted

#: Bytes of a range. S3 advises 8 to 16 MB for ranges that are read side by side.
RANGE_SIZE = 8 << 20
#: Ranges of one object that are read side by side.
CONCURRENT_RANGES = 8


class LocalFile(NamedTuple):
    is_there: bool
    difference: str = ""
    """How the file differs from the object; empty if it does not."""


class S3Downloads:
    @contextmanager
    def locked(self, directory: Path) -> Iterator[None]:
        """Make the directory, and keep every other download out of it during the block."""
        with translated_file_errors(f"writing to {directory}"):
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock(descriptor, directory)
            yield
        finally:
            os.close(descriptor)

    def compare(self, file: Path, found: StoredObject, checksum: str | None) -> LocalFile:
        """Compare by checksum where one is known, or else by the time that a download sets."""
        with translated_file_errors(f"reading {file}"):
            try:
                status = file.lstat()
            except FileNotFoundError:
                return LocalFile(is_there=False)
            return LocalFile(True, _difference(file, status, found, checksum))

    def download(
        self,
        bucket: Bucket,
        found: StoredObject,
        checksum: str | None,
        to: Path,
        arrived: Callable[[int], None],
    ) -> None:
        """Download the object, verified; resumes an interrupted download.

        `arrived` is called with numbers of bytes, from any thread.
        """
        with PartialFile(to, found, checksum, RANGE_SIZE) as partial_file:
            fetch = partial(self._fetch, bucket, partial_file, found, arrived)
            numbers = partial_file.missing
            with closing(map_parallel(numbers, fetch, concurrency=CONCURRENT_RANGES)) as outcomes:
                for _, outcome in outcomes:
                    if isinstance(outcome, OneprefixError):
                        raise outcome
            partial_file.land()

    def _fetch(
        self,
        bucket: Bucket,
        partial_file: PartialFile,
        found: StoredObject,
        arrived: Callable[[int], None],
        number: int,
    ) -> None:
        at, end = partial_file.limits(number)
        crc = 0
        for chunk in bucket.read(found, at, end):
            partial_file.write(at, chunk)
            crc = isal_zlib.crc32(chunk, crc)
            at += len(chunk)
            arrived(len(chunk))
        partial_file.finished(number, crc)


def _difference(
    file: Path, status: os.stat_result, found: StoredObject, checksum: str | None
) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    if status.st_size != found.size:
        return f"it has {counted(status.st_size, 'byte')} instead of {found.size:,}"
    if checksum is not None:
        arrived = checksum_of(file)
        return "" if arrived == checksum else f"its checksum is {arrived}, not {checksum}"
    is_ours = status.st_mtime == found.modified_at.timestamp()
    return "" if is_ours else "it has another time, and no CRC-32 is known to compare"


def _lock(descriptor: int, directory: Path) -> None:
    import fcntl  # noqa: PLC0415  other commands run where there is none

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileUnusable(f"another command downloads to {directory}; wait for it") from None
