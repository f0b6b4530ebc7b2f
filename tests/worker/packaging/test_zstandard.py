"""Archives whose members are Zstandard's."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from backports import zstd
from backports.zstd import zipfile as zipfile_of_3_14
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.packaging.trees import MIB, content, make, packager
from worker.packaging.package import Packing
from worker.packaging.zip.format import STORED, ZSTANDARD
from worker.packaging.zip.zstandard import ZstandardStream, compressed

TREE = {
    "empty": b"",
    "small": content("table", 5000),
    "noise": content("random", 5000),
    "whole": content("table", MIB),
    "streamed": content("table", 3 * MIB + 7),
    "streamed noise": content("random", 2 * MIB + 1),
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make(tmp_path / "RUN4", TREE)


def archive_of(run: Path, packing: Packing) -> bytes:
    with packager(run, packing).open(str(run)) as package:
        return b"".join(package.chunks())


def test_pythons_zipfile_reads_it_from_3_14_on(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(archive_of(run, Packing(level=1, zstandard=True)))
    with zipfile_of_3_14.ZipFile(path) as archive:
        found = {name: archive.read(f"RUN4/{name}") for name in TREE}
        methods = {name: archive.getinfo(f"RUN4/{name}").compress_type for name in TREE}
    assert found == TREE
    assert {name for name, method in methods.items() if method == STORED} == {"empty", "noise"}
    assert set(methods.values()) == {STORED, ZSTANDARD}


@pytest.mark.skipif(not shutil.which("7z"), reason="7z is not installed")
def test_7_zip_reads_it(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(archive_of(run, Packing(level=1, zstandard=True)))
    tested = subprocess.run(["7z", "t", path], capture_output=True, text=True, check=False)
    if "Unsupported Method" in tested.stdout + tested.stderr:
        pytest.skip("this 7z is older than 24.05 and knows no Zstandard in ZIP")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_reader_that_does_not_know_it_says_so(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(archive_of(run, Packing(level=1, zstandard=True)))
    with zipfile.ZipFile(path) as archive, pytest.raises(NotImplementedError):
        archive.read("RUN4/streamed")


def test_neither_threads_nor_helpers_show_in_it(run: Path) -> None:
    archives = {
        archive_of(run, Packing(threads=threads, helpers=helpers, level=6, zstandard=True))
        for threads in (1, 2, 8)
        for helpers in (False, True)
    }
    assert len(archives) == 1


@given(st.lists(st.binary(max_size=2000)))
def test_a_stream_is_one_frame_of_all_its_segments(segments: list[bytes]) -> None:
    stream = ZstandardStream(1, threads=2)
    frame = b"".join([*map(stream.add, segments), stream.end()])
    decompressor = zstd.ZstdDecompressor()
    assert decompressor.decompress(frame) == b"".join(segments)
    assert decompressor.eof
    assert not decompressor.unused_data


def test_more_effort_makes_it_smaller() -> None:
    text = content("table", MIB)
    assert len(compressed(text, 6)) <= len(compressed(text, 1)) < MIB / 10
