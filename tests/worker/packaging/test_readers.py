import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.packaging import readers
from tests.worker.packaging.readers import Extract, read_with
from tests.worker.packaging.trees import (
    MIB,
    ODD_NAMES,
    SIZES,
    Kept,
    LinkTo,
    Node,
    content,
    described,
    dress,
    make,
    packed,
    set_time,
    trees,
)
from worker.packaging import archive_stream as zip_stream
from worker.packaging.package import Packing
from worker.packaging.zip.deflate import FAST, SMALL, STORE

TREE: Mapping[str, Node] = {
    **{
        kind: {f"of {size} bytes": content(kind, size) for size in SIZES}
        for kind in ("random", "zeros", "table")
    },
    "empty": {},
    "ümlaut": {"日本 (1).csv": b"0.0,1.0\n", ".hidden": b"", "x" * 255: b"long"},
    "first": LinkTo("table/of 1 bytes"),
    "dangling": LinkTo("nowhere"),
    "long": LinkTo("./" * 500 + "empty"),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make(tmp_path_factory.mktemp("source") / "RUN4", TREE)
    dress(run, Random(4))
    for path in (run, *run.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o777)  # only root may restore the special bits
    return run


@pytest.fixture(scope="module")
def archive(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("archive") / "run_4_results.zip"
    archive.write_bytes(packed(source))
    return archive


def extracted(extract: Extract, archive: Path, into: Path) -> Path:
    into.mkdir()
    extract(archive, into)
    return into / "RUN4"


def without_times_of_links(tree: dict[bytes, Kept]) -> dict[bytes, Kept]:
    """Info-ZIP and 7-Zip do not restore these."""
    return {
        name: replace(kept, mtime=None) if stat.S_ISLNK(kept.mode) else kept
        for name, kept in tree.items()
    }


def data_alone(tree: dict[bytes, Kept]) -> dict[bytes, bytes]:
    return {name: kept.data for name, kept in tree.items()}


@pytest.mark.parametrize("program", readers.CHECKS)
def test_each_reader_finds_nothing_to_complain_of(archive: Path, program: str) -> None:
    read_with(program, *readers.CHECKS[program], archive)


@pytest.mark.parametrize("program", readers.BY_INDEX)
def test_what_is_extracted_equals_the_directory(
    source: Path, archive: Path, tmp_path: Path, program: str
) -> None:
    copy = extracted(readers.BY_INDEX[program], archive, tmp_path / "copy")
    assert without_times_of_links(described(copy)) == without_times_of_links(described(source))


@pytest.mark.parametrize("program", ["bsdtar from a pipe", "jar"])
def test_readers_that_know_no_modes_and_links_extract_all_bytes(
    source: Path, archive: Path, tmp_path: Path, program: str
) -> None:
    copy = extracted(readers.ALL[program], archive, tmp_path / "copy")
    assert data_alone(described(copy)) == data_alone(described(source))


def test_a_reader_of_a_pipe_restores_the_times(source: Path, archive: Path, tmp_path: Path) -> None:
    copy = extracted(readers.bsdtar_from_a_pipe, archive, tmp_path / "copy")
    assert times(copy) == times(source)


def times(directory: Path) -> dict[bytes, int | None]:
    return {name: kept.mtime for name, kept in described(directory).items()}


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    tree=trees,
    level=st.sampled_from([STORE, FAST, SMALL]),
    threads=st.integers(1, 8),
    helpers=st.booleans(),
)
def test_every_reader_extracts_every_byte_of_any_tree(
    memory: Path, tree: Mapping[str, Node], level: int, threads: int, helpers: bool
) -> None:
    with TemporaryDirectory(dir=memory) as directory:
        run = make(Path(directory) / "RUN4", tree)
        archive = Path(directory) / "archive.zip"
        packing = Packing(threads=threads, helpers=helpers, level=level)
        archive.write_bytes(packed(run, packing))
        refusing = {"jar"}  # Java refuses names that are not UTF-8, 7-Zip links to links
        if any((path.parent / path.readlink()).is_symlink() for path in links_of(run)):
            refusing.add("7z")
        for program in readers.ALL.keys() - refusing:
            copy = extracted(readers.ALL[program], archive, Path(directory) / program)
            assert data_alone(described(copy)) == data_alone(described(run)), program


def links_of(run: Path) -> list[Path]:
    return [path for path in run.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("program", ["unzip", "bsdtar"])
def test_links_that_climb_within_the_tree_are_restored(
    run: Path, tmp_path: Path, program: str
) -> None:
    make(run, {"out": b"top", "a": {"b": {"link": LinkTo("../../out")}}})
    copy = repacked(run, readers.BY_INDEX[program], tmp_path)
    assert (copy / "a" / "b" / "link").is_symlink()
    assert (copy / "a" / "b" / "link").read_bytes() == b"top"


def repacked(run: Path, extract: Extract, tmp_path: Path) -> Path:
    archive = tmp_path / "archive.zip"
    archive.write_bytes(packed(run))
    return extracted(extract, archive, tmp_path / "copy")


@pytest.mark.parametrize("program", readers.BY_INDEX)
def test_odd_names_are_extracted_byte_by_byte(run: Path, tmp_path: Path, program: str) -> None:
    make(run, {name: {name: name.encode(errors="surrogateescape")} for name in ODD_NAMES})
    copy = repacked(run, readers.BY_INDEX[program], tmp_path)
    assert data_alone(described(copy)) == data_alone(described(run))


@pytest.mark.parametrize("program", readers.ALL)
def test_dates_outside_a_zips_calendar_hinder_no_reader(
    run: Path, tmp_path: Path, program: str
) -> None:
    make(run, {})
    for seconds in (-(2**31), -1, 0, 315_532_799, 2**31, 2**32, 4_354_819_200, 2**33):
        set_time(make(run / str(seconds), b"old or new"), seconds)
    set_time(make(run / "inner", {}), 2**33)
    copy = repacked(run, readers.ALL[program], tmp_path)
    assert data_alone(described(copy)) == data_alone(described(run))
    if program != "jar":
        assert (copy / "315532799").stat().st_mtime == 315_532_799


@pytest.mark.parametrize("program", readers.ALL)
def test_every_reader_takes_64_bit_descriptors(
    run: Path, tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(run, {"a": content("random", 2 * MIB), "b": content("table", 2 * MIB), "c": b"small"})
    monkeypatch.setattr(zip_stream, "ZIP64_FROM", MIB + 1)
    copy = repacked(run, readers.ALL[program], tmp_path)
    assert data_alone(described(copy)) == data_alone(described(run))
