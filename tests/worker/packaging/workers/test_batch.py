import os
import stat
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from random import Random
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings

from tests.worker.packaging.archives import held
from tests.worker.packaging.changes import remake
from tests.worker.packaging.plans import batch_of
from tests.worker.packaging.trees import (
    KIB,
    MIB,
    LinkTo,
    Node,
    content,
    described,
    dress,
    make,
    small_trees,
)
from worker.errors import TreeChanged
from worker.packaging.workers.batch import BatchPacker, PackedBatch
from worker.packaging.zip.central_directory import end_records
from worker.packaging.zip.deflate import FAST, SMALL, STORE
from worker.packaging.zip.format import DEFLATED, STORED

TREE: Mapping[str, Node] = {
    "a": {"first": b"1", "second": b"22"},
    "link": LinkTo("a"),
    "table": content("table", 100 * KIB),
}


def packed(run: Path, level: int = FAST) -> PackedBatch:
    with batch_of(run) as batch:
        return BatchPacker(level)(batch.items, batch.descriptors)


def archive(batch: PackedBatch) -> bytes:
    """The batch as an archive of its own."""
    size, offset = len(batch.headers), len(batch.data)
    end = end_records(count=batch.entry_count, size=size, offset=offset, tail=batch.headers)
    return bytes(batch.data) + batch.headers + end


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tree=small_trees)
def test_a_batch_and_its_headers_are_a_whole_archive(
    run_in_memory: Path, tree: Mapping[str, Node]
) -> None:
    remake(run_in_memory, tree)
    dress(run_in_memory, Random(4))
    expected = described(run_in_memory)
    batch = packed(run_in_memory)
    assert held(archive(batch)) == expected
    files = [kept.data for kept in expected.values() if stat.S_ISREG(kept.mode)]
    assert batch.entry_count == len(expected)
    assert (batch.file_count, batch.bytes_total) == (len(files), sum(map(len, files)))


@pytest.mark.parametrize(
    ("data", "level", "method"),
    [
        (b"", FAST, STORED),
        (b"ab", FAST, STORED),
        (b"ab" * 100, FAST, DEFLATED),
        (b"ab" * 100, SMALL, DEFLATED),
        (b"ab" * 100, STORE, STORED),
        (content("random", 100), FAST, STORED),
        (content("random", 16 * KIB), FAST, STORED),
        (content("random", MIB), FAST, STORED),
        (content("table", MIB), FAST, DEFLATED),
        (content("table", MIB), STORE, STORED),
        (content("random", 16 * KIB - 1) + bytes(64 * KIB), FAST, DEFLATED),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_only_what_gets_smaller_is_deflated(
    run: Path, data: bytes, level: int, method: int
) -> None:
    make(run, {"out": data})
    with ZipFile(BytesIO(archive(packed(run, level)))) as opened:
        member = opened.getinfo("RUN4/out")
        assert (member.compress_type, member.file_size) == (method, len(data))
        assert (member.compress_size < len(data)) is (method == DEFLATED)
        assert zlib.crc32(data) == member.CRC
        assert opened.read(member) == data


def test_a_directory_that_changed_since_it_was_listed_is_named(run: Path) -> None:
    remake(run, TREE)
    with batch_of(run) as batch:
        make(run / "a" / "new", b"")
        with pytest.raises(TreeChanged, match=r"^RUN4/a/ changed while it was being packed$"):
            BatchPacker(FAST)(batch.items, batch.descriptors)


def test_a_directory_that_moved_is_read_where_it_is(run: Path) -> None:
    make(run, {"a": {"out": b"as it was"}})
    with batch_of(run) as batch:
        os.rename(run, run.with_name("moved"))  # noqa: PTH104
        make(run, {"a": {"out": b"something else"}})
        packed = BatchPacker(FAST)(batch.items, batch.descriptors)
    assert held(archive(packed))[b"RUN4/a/out"].data == b"as it was"


@pytest.mark.parametrize("name", ["a/first", "a/second", "table"])
def test_a_file_that_has_gone_is_named(run: Path, name: str) -> None:
    remake(run, TREE)
    with batch_of(run) as batch:
        (run / name).unlink()
        with pytest.raises(TreeChanged, match=f"^RUN4/{name} can't be read: No such file"):
            BatchPacker(FAST)(batch.items, batch.descriptors)
