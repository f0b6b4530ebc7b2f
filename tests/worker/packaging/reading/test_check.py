import binascii
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from isal import isal_zlib

from tests.worker.packaging.trees import MIB, Node, content, make, mixed, packed
from worker.errors import ArchiveDamaged
from worker.models.archive import CheckedArchive
from worker.packaging.reading import records
from worker.packaging.reading.check import check_archive
from worker.packaging.reading.records import BLOCK


@dataclass
class Bytes:
    """An object's content that notes how many bytes each read asks for."""

    data: bytes
    reads: list[int] = field(default_factory=list)

    def read(self, start: int, end: int) -> Iterator[bytes]:
        self.reads.append(end - start)
        yield self.data[start:end]

    def check(self) -> CheckedArchive:
        return check_archive(len(self.data), self.read)


class Unseekable(BytesIO):
    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError

    def seek(self, *_: int) -> int:
        raise OSError


def crc32(data: bytes) -> str:
    return "CRC32:" + b64encode(binascii.crc32(data).to_bytes(4, "big")).decode()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("results") / "RUN4", mixed())


def test_what_we_pack_is_right_and_read_once_in_blocks(run: Path) -> None:
    archive = packed(run)
    assert len(archive) > BLOCK
    content = Bytes(archive)
    checked = content.check()
    assert checked.checksum == crc32(archive)
    with ZipFile(BytesIO(archive)) as reader:
        assert checked.members == len(reader.infolist())
    assert max(content.reads) <= BLOCK
    assert sum(content.reads) == len(archive)


@pytest.mark.parametrize("target", [BytesIO, Unseekable])
def test_what_python_packs_is_right(target: type[BytesIO]) -> None:
    with ZipFile(file := target(), "w") as archive:
        archive.writestr("a.txt", b"x" * MIB, ZIP_DEFLATED)
        archive.writestr("stored", b"123")
        archive.writestr("empty/", b"")
        with archive.open("wide", "w", force_zip64=True) as member:
            member.write(b"y" * 10)
    assert Bytes(file.getvalue()).check().members == 4


def test_sizes_and_counts_beyond_the_old_format_are_right(tmp_path: Path) -> None:
    many = packed(make(tmp_path / "RUN4", {f"{number:05}": b"" for number in range(65_536)}))
    assert Bytes(many).check().members == 65_537


def test_few_blocks_are_held_and_none_is_read_again_but_the_directorys(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "BLOCK", 4096)
    content = Bytes(archive := packed(run))
    assert content.check().checksum == crc32(archive)
    with ZipFile(BytesIO(archive)) as reader:
        directory = len(archive) - reader.start_dir
    assert sum(content.reads) <= len(archive) + directory + 3 * 4096


def test_no_changed_bit_of_data_names_or_sizes_goes_unseen(tmp_path: Path) -> None:
    files: dict[str, Node] = {"a": b"hello " * 500, "b": content("random", 500), "c": {}, "d": b""}
    archive = packed(make(tmp_path / "RUN4", files))
    right = crc32(archive)
    for at in range(len(archive)):
        changed = bytearray(archive)
        changed[at] ^= 1
        try:
            checked = Bytes(bytes(changed)).check()
        except ArchiveDamaged as error:
            assert "\n" not in str(error)  # noqa: PT017  most of them
        else:  # a field that readers ignore; the whole object's checksum tells
            assert checked.checksum != right


def test_an_archive_that_is_cut_off_anywhere_is_damaged(tmp_path: Path) -> None:
    archive = packed(make(tmp_path / "RUN4", {"a": b"hello " * 50, "b": b"0"}))
    for size in range(len(archive)):
        with pytest.raises(ArchiveDamaged):
            Bytes(archive[:size]).check()


def test_the_member_that_is_damaged_is_named_even_if_its_name_is_hostile(tmp_path: Path) -> None:
    archive = packed(make(tmp_path / "RUN4", {"a\n\udcff[red]": content("random", 5000)}))
    at = archive.index(content("random", 5000)[2000:2010])
    changed = archive[:at] + b"?" * 10 + archive[at + 10 :]
    with pytest.raises(ArchiveDamaged, match=r"^'RUN4/a\\n\\\\xff\[red\]' has other data than"):
        Bytes(changed).check()


def test_a_bomb_is_inflated_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    with ZipFile(file := BytesIO(), "w", ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(64 * MIB))
    sizes: list[int] = []
    crc: Callable[[bytes, int], int] = isal_zlib.crc32

    def noted(data: bytes, value: int = 0) -> int:
        sizes.append(len(data))
        return crc(data, value)

    monkeypatch.setattr(isal_zlib, "crc32", noted)
    assert Bytes(file.getvalue()).check().members == 1
    assert max(sizes) <= MIB


def test_bytes_between_members_and_unknown_methods_are_told() -> None:
    with ZipFile(file := BytesIO(), "w") as archive:
        archive.writestr("a", b"1")
        file.write(b"gap")
        archive.start_dir += 3
        archive.writestr("b", b"2")
    with pytest.raises(ArchiveDamaged, match="'b' should begin at 35, not 32"):
        Bytes(file.getvalue()).check()
    with ZipFile(file := BytesIO(), "w") as archive:
        archive.writestr("a", b"1", 14)
    with pytest.raises(ArchiveDamaged, match="'a' can't be read: compression method 14"):
        Bytes(file.getvalue()).check()
