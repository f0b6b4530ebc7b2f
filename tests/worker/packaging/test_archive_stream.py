import stat
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.worker.packaging.archives import held
from tests.worker.packaging.plans import stream_of, unlisted
from tests.worker.packaging.trees import MIB, Kept, content, described, make, packed
from worker.errors import InvalidResultsDirectory
from worker.packaging import archive_stream as zip_stream
from worker.packaging.tree.entries import Link
from worker.packaging.zip.deflate import deflated_bound
from worker.packaging.zip.format import MAX_16, MAX_32


@pytest.mark.parametrize("count", [0, 1, MAX_16 - 1, MAX_16, MAX_16 + 1])
def test_any_number_of_entries_is_read_back(count: int) -> None:
    stream = stream_of(unlisted(b"RUN4/%d/" % number) for number in range(count))
    archive = b"".join(stream)
    with ZipFile(BytesIO(archive)) as opened:
        assert opened.namelist() == [f"RUN4/{number}/" for number in range(count)]
    assert stream.size == len(archive)
    assert (b"PK\x06\x06" in archive) is (count >= MAX_16)


def test_the_longest_name_of_a_zip_is_kept() -> None:
    name = b"x" * (MAX_16 - 1) + b"/"
    assert list(held(b"".join(stream_of([unlisted(name)])))) == [name]


def test_a_longer_name_is_refused_for_good() -> None:
    with pytest.raises(InvalidResultsDirectory, match="65537 bytes"):
        b"".join(stream_of([unlisted(b"x" * (MAX_16 + 1) + b"/")]))


@pytest.mark.parametrize("target", [b"short", b"x/" * 2000, bytes(range(1, 256)) * 16])
def test_a_links_target_is_kept_whether_it_deflates_or_not(target: bytes) -> None:
    link = Link(b"RUN4/link", (stat.S_IFLNK | 0o777, 1_700_000_000), target)
    kept = held(b"".join(stream_of([link])))[b"RUN4/link"]
    assert kept == Kept(stat.S_IFLNK | 0o777, 1_700_000_000, target)


def test_files_of_64_bit_descriptors_are_read_back(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(run, {"a": content("random", 2 * MIB), "b": content("table", 2 * MIB), "c": b"small"})
    smaller = packed(run)
    monkeypatch.setattr(zip_stream, "ZIP64_FROM", 2 * MIB)
    archive = packed(run)
    assert held(archive) == described(run)
    assert len(archive) == len(smaller) + 2 * (20 + 8)  # an extra field and wider sizes, twice


def test_a_descriptor_is_wide_before_noise_can_outgrow_it() -> None:
    largest = zip_stream.ZIP64_FROM - 1
    assert deflated_bound(largest) < MAX_32


def test_small_files_and_what_does_not_deflate_are_stored(run: Path) -> None:
    make(run, {"noise": content("random", MIB), "table": content("table", MIB), "tiny": b"ab"})
    with ZipFile(BytesIO(packed(run))) as opened:
        methods = {member.filename: member.compress_type for member in opened.infolist()}
    assert methods == {"RUN4/": 0, "RUN4/noise": 0, "RUN4/table": 8, "RUN4/tiny": 0}


@pytest.mark.parametrize(("size", "follows"), [(MIB, False), (MIB + 1, True)])
def test_only_a_file_of_more_than_a_piece_has_its_sizes_behind_it(
    run: Path, size: int, follows: bool
) -> None:
    make(run, {"out": content("table", size)})
    with ZipFile(BytesIO(packed(run))) as opened:
        assert bool(opened.getinfo("RUN4/out").flag_bits & 1 << 3) is follows
