import os
import stat
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.worker.packaging.archives import held
from tests.worker.packaging.plans import stream_of
from tests.worker.packaging.trees import MIB, LinkTo, content, described, make, packed
from worker.errors import InvalidResultsDirectory
from worker.packaging import zip_stream
from worker.packaging.deflate import deflated_bound
from worker.packaging.tree import Directory, Link
from worker.packaging.zip_format import MAX_16, MAX_32


def directories(count: int, status: os.stat_result) -> Iterator[Directory]:
    for number in range(count):
        yield Directory(b"RUN4/%d/" % number, status)


@pytest.mark.parametrize("count", [0, 1, MAX_16 - 1, MAX_16, MAX_16 + 1])
def test_any_number_of_entries_is_read_back(count: int, tmp_path: Path) -> None:
    stream = stream_of(directories(count, tmp_path.stat()))
    archive = b"".join(stream)
    with ZipFile(BytesIO(archive)) as opened:
        assert opened.namelist() == [f"RUN4/{number}/" for number in range(count)]
    assert stream.size == len(archive)
    assert (b"PK\x06\x06" in archive) is (count >= MAX_16)


def test_the_longest_name_of_a_zip_is_kept(tmp_path: Path) -> None:
    name = b"x" * (MAX_16 - 1) + b"/"
    assert list(held(b"".join(stream_of([Directory(name, tmp_path.stat())])))) == [name]


def test_a_longer_name_is_refused_for_good(tmp_path: Path) -> None:
    with pytest.raises(InvalidResultsDirectory, match="65537 bytes"):
        b"".join(stream_of([Directory(b"x" * (MAX_16 + 1) + b"/", tmp_path.stat())]))


@pytest.mark.parametrize("target", [b"short", b"x/" * 2000, bytes(range(1, 256)) * 16])
def test_a_links_target_is_kept_whether_it_deflates_or_not(target: bytes, tmp_path: Path) -> None:
    status = make(tmp_path / "link", LinkTo("anywhere")).lstat()
    link = held(b"".join(stream_of([Link(b"RUN4/link", status, target)])))[b"RUN4/link"]
    assert (link.data, stat.S_ISLNK(link.mode)) == (target, True)


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
