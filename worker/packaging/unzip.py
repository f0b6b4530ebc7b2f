"""Opens archives where they lie, and unpacks those that lie here."""

from pathlib import Path

from worker.interfaces import ArchiveFile
from worker.packaging.unpack import unpack
from worker.packaging.zip_reader import ZipReader


class Unzip:
    def open(self, file: ArchiveFile) -> ZipReader:
        return ZipReader(file, file.expect)

    def unpack(self, archive: Path, to: Path) -> None:
        unpack(archive, to)
