import os
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.worker.packaging.trees import (
    MIB,
    LinkTo,
    Node,
    content,
    hardly_compressible,
    make,
    packager,
)
from worker.errors import TreeChanged
from worker.packaging.archive_stream import Chunk
from worker.packaging.package import Packing
from worker.packaging.zip.deflate import FAST, SMALL, STORE


def test_the_bound_is_tight_for_large_files_that_do_not_compress(run: Path) -> None:
    make(run, {"noise": content("random", 24 * MIB)})
    with packager(run).open(str(run)) as package:
        size = sum(map(len, package.chunks()))
        assert size <= package.size_bound <= size * 1.02


@pytest.mark.parametrize("level", [STORE, FAST, SMALL])
@pytest.mark.parametrize("size", [MIB, MIB + 1])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_bound_holds_for_bytes_that_deflate_badly(
    run: Path, seed: int, size: int, level: int
) -> None:
    make(run, {"out": hardly_compressible(size, seed=seed)})
    with packager(run, Packing(level=level)).open(str(run)) as package:
        assert sum(map(len, package.chunks())) <= package.size_bound


def test_many_small_and_empty_entries_stay_below_the_bound(run: Path) -> None:
    entries: dict[str, Node] = {f"{number:0255}": b"" for number in range(300)}
    entries |= {f"directory-{number}": {} for number in range(300)}
    entries |= {f"link-{number}": LinkTo("x" * number) for number in range(1, 300)}
    make(run, entries)
    with packager(run).open(str(run)) as package:
        assert sum(map(len, package.chunks())) <= package.size_bound


def test_links_to_long_names_stay_below_the_bound(run: Path) -> None:
    noise = [Random(number).randbytes(3000).translate(None, b"\0/") for number in range(100)]
    make(run, {str(number): LinkTo(os.fsdecode(target)) for number, target in enumerate(noise)})
    with packager(run).open(str(run)) as package:
        size = sum(map(len, package.chunks()))
        assert sum(map(len, noise)) < size <= package.size_bound


def test_a_file_that_has_grown_since_it_was_measured_does_not_exceed_the_bound(run: Path) -> None:
    make(run, {"log": b"one line\n"})
    with packager(run).open(str(run)) as package:
        (run / "log").write_bytes(content("random", 4 * MIB))
        pieces: list[Chunk] = []
        with pytest.raises(TreeChanged):
            pieces.extend(package.chunks())
        assert sum(map(len, pieces)) <= package.size_bound


def test_directories_that_were_added_since_measuring_do_not_exceed_the_bound(run: Path) -> None:
    make(run, {"out": b""})
    with packager(run).open(str(run)) as package:
        for number in range(100):
            make(run / f"{number:0100}", {})
        pieces: list[Chunk] = []
        with suppress(TreeChanged):
            pieces.extend(package.chunks())
        assert sum(map(len, pieces)) <= package.size_bound
