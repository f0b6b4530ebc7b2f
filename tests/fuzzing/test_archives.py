"""Archives with bytes changed, cut off or added: an error of ours, and nothing outside."""

from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from hypothesis import example, given
from hypothesis import strategies as some

from worker.errors import ArchiveDamaged, FileUnusable, InvalidArchive
from worker.packaging.reading.check import check_archive
from worker.packaging.reading.unpack import unpack

#: Values that lengths, offsets, flags and names have at their limits.
VALUES = b"\x00\x01\x02\x08\x7f\x80\xfe\xff./\\PK\x05\x06"


@cache
def archive(method: int) -> bytes:
    """A small archive of a directory, files and a link."""
    made = BytesIO()
    with ZipFile(made, "w", method) as zipped:
        zipped.mkdir("RUN4")
        zipped.writestr("RUN4/a", b"some text " * 20)
        zipped.writestr("RUN4/b/c", b"")
        link = ZipInfo("RUN4/link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        zipped.writestr(link, "a")
    return made.getvalue()


changes = some.lists(
    some.tuples(some.integers(0, 2000), some.sampled_from(VALUES)), min_size=1, max_size=6
)
cuts = some.none() | some.integers(0, 2000)


def changed(method: int, change: list[tuple[int, int]], cut: int | None, more: bytes) -> bytes:
    content = bytearray(archive(method))
    for place, value in change:
        content[place % len(content)] = value
    return bytes(content[:cut]) + more


@given(some.sampled_from([ZIP_STORED, ZIP_DEFLATED]), changes, cuts, some.binary(max_size=30))
@example(ZIP_STORED, [(0, 0)], 0, b"")
@example(ZIP_DEFLATED, [(0, ord("P"))], None, b"PK\x05\x06")
def test_a_damaged_archive_is_unpacked_or_refused_and_reaches_nothing_else(
    method: int, change: list[tuple[int, int]], cut: int | None, more: bytes
) -> None:
    with TemporaryDirectory() as made:
        directory = Path(made)
        (directory / "a.zip").write_bytes(changed(method, change, cut, more))
        with suppress(InvalidArchive, FileUnusable):
            unpack(directory / "a.zip", directory / "to")
        assert {path.name for path in directory.iterdir()} <= {"a.zip", "to"}
        for path in (directory / "to").rglob("*"):
            assert path.resolve().is_relative_to(directory.resolve() / "to")


@given(some.sampled_from([ZIP_STORED, ZIP_DEFLATED]), changes, cuts, some.binary(max_size=30))
def test_a_damaged_archive_is_checked_or_refused(
    method: int, change: list[tuple[int, int]], cut: int | None, more: bytes
) -> None:
    content = changed(method, change, cut, more)
    with suppress(ArchiveDamaged, InvalidArchive):
        check_archive(len(content), lambda start, end: iter([content[start:end]]))
