"""Opens archives where they lie, and unpacks those that lie here."""

from pathlib import Path

from worker.packaging.reading.unpack import unpack
from worker.packaging.reading.zip_reader import ZipReader
from worker.use_cases.job.ports import ArchiveFile


class Unzip:
    def open(self, file: ArchiveFile) -> ZipReader:
        return ZipReader(file, file.expect)

    def unpack(self, archive: Path, to: Path) -> None:
        unpack(archive, to)
