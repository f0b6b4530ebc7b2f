import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from isal import isal_zlib

from tests.worker.packaging import readers
from tests.worker.packaging.plans import stream_of, unlisted
from tests.worker.packaging.readers import read_with
from tests.worker.packaging.trees import MIB, make, packager
from worker.models.archive import Archive
from worker.packaging.archive_stream import Chunk
from worker.packaging.zip.central_directory import CentralDirectory
from worker.packaging.zip.format import MAX_16
from worker.packaging.zip.headers import ZipEntry, local_header

GIB = 1 << 30
HUGE = 4 * GIB + 12_345


@pytest.fixture(scope="module")
def crc_of_the_hole() -> int:
    crc = 0
    for _ in range(HUGE // MIB):
        crc = isal_zlib.crc32(bytes(MIB), crc)
    return isal_zlib.crc32(bytes(HUGE % MIB), crc)


@dataclass(frozen=True, slots=True)
class Packed:
    path: Path
    archive: Archive
    size_bound: int
    largest_piece: int


@pytest.fixture(scope="module")
def packed_hole(memory: Path) -> Packed:
    """The archive of a file beyond 4 GiB, which is one hole, and of a small file behind it."""
    run = make(memory / "RUN4", {"hole": b"", "tail": b"tail"})
    os.truncate(run / "hole", HUGE)
    path = memory / "hole.zip"
    with packager(run).open(str(run)) as package, path.open("wb") as file:
        largest = max(map(file.write, package.chunks()))
        return Packed(path, package.archive, package.size_bound, largest)


def test_a_file_beyond_4_gib_is_packed_piece_by_piece(packed_hole: Packed) -> None:
    assert packed_hole.archive == Archive(2, HUGE + 4, packed_hole.path.stat().st_size)
    assert packed_hole.archive.size <= packed_hole.size_bound
    assert packed_hole.largest_piece <= 2 * MIB


def test_the_directory_tells_size_and_crc_of_a_file_beyond_4_gib(
    packed_hole: Packed, crc_of_the_hole: int
) -> None:
    with ZipFile(packed_hole.path) as opened:
        hole = opened.getinfo("RUN4/hole")
        assert (hole.file_size, hole.CRC) == (HUGE, crc_of_the_hole)
        assert hole.header_offset + hole.compress_size < packed_hole.archive.size
        assert opened.read("RUN4/tail") == b"tail"


def test_the_data_of_a_file_beyond_4_gib_inflate_to_every_byte(
    packed_hole: Packed, crc_of_the_hole: int
) -> None:
    size = crc = 0
    with ZipFile(packed_hole.path) as opened, packed_hole.path.open("rb") as file:
        hole = opened.getinfo("RUN4/hole")
        file.seek(hole.header_offset + len(local_header(member_of(hole.filename))))
        for piece in inflated(file.read(hole.compress_size)):
            size += len(piece)
            crc = isal_zlib.crc32(piece, crc)
        descriptor = file.read(24)
    assert (size, crc) == (HUGE, crc_of_the_hole)
    assert descriptor[:4] == b"PK\x07\x08"
    assert int.from_bytes(descriptor[4:8], "little") == crc
    assert int.from_bytes(descriptor[8:16], "little") == hole.compress_size
    assert int.from_bytes(descriptor[16:24], "little") == HUGE


def member_of(name: str) -> ZipEntry:
    return ZipEntry(name=name.encode(), mode=0, mtime=1, zip64=True)


def inflated(data: bytes) -> Iterator[bytes]:
    stream = isal_zlib.decompressobj(-15)
    while not stream.eof:
        yield stream.decompress(data, MIB)
        data = stream.unconsumed_tail
    assert not stream.unused_data


@pytest.mark.parametrize("program", readers.PRINTS)
def test_readers_find_what_lies_behind_a_file_beyond_4_gib(
    packed_hole: Packed, program: str
) -> None:
    assert str(HUGE) in read_with(program, *VERBOSE_LISTS[program], packed_hole.path)
    assert "tail" in read_with(program, *readers.PRINTS[program], packed_hole.path, "RUN4/tail")


VERBOSE_LISTS = {"unzip": ["-Z"], "7z": ["l"], "bsdtar": ["-tvf"]}


def test_a_reader_of_a_pipe_inflates_all_of_it_to_find_what_lies_behind(
    packed_hole: Packed,
) -> None:
    assert read_with("bsdtar", "-tf", "-", piped=packed_hole.path).endswith("RUN4/tail\n")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of more entries than 16 bits count."""
    directory = tmp_path_factory.mktemp("many")
    path = directory / "many.zip"
    entries = (unlisted(b"RUN4/%d/" % number) for number in range(MAX_16 + 2))
    path.write_bytes(b"".join(stream_of(entries)))
    return path


@pytest.mark.parametrize("program", readers.LISTS)
def test_readers_list_more_entries_than_16_bits_count(many: Path, program: str) -> None:
    listed = read_with(program, *readers.LISTS[program], many).splitlines()
    assert len(listed) == MAX_16 + 2
    assert str(MAX_16 + 1) in listed[-1]


def test_a_reader_of_a_pipe_lists_more_entries_than_16_bits_count(many: Path) -> None:
    assert len(read_with("bsdtar", "-tf", "-", piped=many).splitlines()) == MAX_16 + 2


@pytest.fixture(scope="module")
def far(memory: Path, crc_of_the_hole: int) -> Path:
    """An archive whose second entry and index begin beyond 4 GiB, behind a stored hole."""
    hole = ZipEntry(
        name=b"RUN4/hole",
        mode=stat.S_IFREG | 0o644,
        mtime=1,
        crc=crc_of_the_hole,
        compressed_size=HUGE,
        size=HUGE,
        zip64=True,
    )
    tail = ZipEntry(
        name=b"RUN4/tail",
        mode=stat.S_IFREG | 0o644,
        mtime=1,
        crc=isal_zlib.crc32(b"tail"),
        compressed_size=4,
        size=4,
    )
    directory = CentralDirectory()
    directory.add(hole, 0)
    offset = len(local_header(hole)) + HUGE
    directory.add(tail, offset)
    path = memory / "far.zip"
    with path.open("wb") as file:
        file.write(local_header(hole))
        file.seek(offset)
        file.write(local_header(tail) + b"tail")
        file.writelines(directory.closing(file.tell()))
    return path


@pytest.mark.parametrize("program", readers.PRINTS)
def test_readers_find_an_entry_beyond_4_gib(far: Path, program: str) -> None:
    assert read_with(program, *readers.PRINTS[program], far, "RUN4/tail").endswith("tail")


def test_zipfile_finds_an_entry_beyond_4_gib(far: Path) -> None:
    with ZipFile(far) as opened:
        assert opened.getinfo("RUN4/tail").header_offset > HUGE
        assert opened.read("RUN4/tail") == b"tail"


def test_the_stream_tells_offsets_beyond_4_gib() -> None:
    stream = stream_of(map(unlisted, (b"RUN4/", b"RUN4/inner/")))
    stream.size = HUGE  # as if so much had come before
    assert offsets(stream) == [HUGE, HUGE + 30 + len("RUN4/") + 9]
    assert stream.size > HUGE


def offsets(pieces: Iterable[Chunk]) -> list[int]:
    """The entries' offsets in an archive whose first HUGE bytes are missing."""
    rest = b"".join(pieces)
    with ZipFile(BehindAHole(rest)) as opened:
        return [entry.header_offset for entry in opened.infolist()]


class BehindAHole(BytesIO):
    """A file that begins with HUGE bytes which nobody reads."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return HUGE + super().seek(offset - HUGE if whence == os.SEEK_SET else offset, whence)

    def tell(self) -> int:
        return HUGE + super().tell()
