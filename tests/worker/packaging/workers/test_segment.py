import os
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from isal.isal_zlib import crc32_combine

from tests.worker.packaging.faults import at_call, before_calls, calls_of, fail, short_reads
from tests.worker.packaging.plans import opened
from tests.worker.packaging.trees import KIB, MIB, content, hardly_compressible
from worker.errors import TreeChanged
from worker.packaging.workers.segment import BLOCK, SEGMENT, PackedSegment, SegmentPacker
from worker.packaging.zip.deflate import (
    END_OF_STREAM,
    FAST,
    SAMPLE,
    SMALL,
    STORE,
    deflated_bound,
    sample_offsets,
)

few_examples = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
every_level = pytest.mark.parametrize("level", [STORE, FAST, SMALL])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "out"


def packed(
    file: Path, level: int = FAST, *, offset: int = 0, size: int | None = None
) -> PackedSegment:
    with opened(file) as descriptor:
        size = os.fstat(descriptor).st_size - offset if size is None else size
        return SegmentPacker(level)(b"RUN4/out", descriptor, offset, size)


def require(segment: PackedSegment, original: bytes) -> None:
    """Require that the segment inflates to these bytes."""
    assert zlib.decompress(segment.data + END_OF_STREAM, wbits=-15) == original
    assert (segment.crc, segment.size) == (zlib.crc32(original), len(original))
    assert len(segment.data) <= deflated_bound(len(original))


def is_stored(segment: PackedSegment) -> bool:
    return len(segment.data) == segment.size + 5 * -(-segment.size // BLOCK)


@every_level
@pytest.mark.parametrize("kind", ["random", "zeros", "table"])
@pytest.mark.parametrize("size", [1, 2, KIB, 16 * KIB - 1, 16 * KIB, 128 * KIB, MIB - 1, MIB])
def test_a_segment_inflates_to_what_was_read(file: Path, size: int, kind: str, level: int) -> None:
    file.write_bytes(content(kind, size))
    require(packed(file, level), content(kind, size))


@pytest.mark.parametrize("level", [FAST, SMALL])
def test_noise_is_stored_and_text_is_deflated(file: Path, level: int) -> None:
    file.write_bytes(content("random", MIB))
    assert is_stored(packed(file, level))
    file.write_bytes(content("table", MIB))
    assert len(packed(file, level).data) < MIB / 10


@pytest.mark.parametrize("kind", ["random", "zeros", "table"])
def test_the_level_store_stores_everything(file: Path, kind: str) -> None:
    file.write_bytes(content(kind, MIB))
    assert is_stored(packed(file, STORE))


def misleading(outside: str, inside: str) -> bytes:
    """Data whose samples are of another kind than the rest."""
    data = bytearray(content(outside, MIB))
    for offset in sample_offsets(MIB):
        data[offset : offset + SAMPLE] = content(inside, SAMPLE, offset)
    return bytes(data)


@pytest.mark.parametrize("level", [FAST, SMALL])
def test_a_guess_that_is_wrong_costs_room_and_no_more(file: Path, level: int) -> None:
    text = misleading("table", "random")
    file.write_bytes(text)
    stored = packed(file, level)
    assert is_stored(stored)
    require(stored, text)
    for noise in (misleading("random", "zeros"), hardly_compressible_behind_text()):
        file.write_bytes(noise)
        deflated = packed(file, level)
        assert not is_stored(deflated)
        require(deflated, noise)


def hardly_compressible_behind_text() -> bytes:
    data = bytearray(hardly_compressible(MIB, seed=5))
    for offset in sample_offsets(MIB):
        data[offset : offset + SAMPLE] = content("table", SAMPLE)
    return bytes(data)


@pytest.mark.parametrize("kind", ["random", "table"])
@pytest.mark.parametrize(
    "most",
    [63, 255, SAMPLE - 1, SAMPLE, SAMPLE + 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, MIB - 1, MIB],
)
def test_reads_of_any_length_give_the_same_segment(file: Path, kind: str, most: int) -> None:
    file.write_bytes(content(kind, MIB))
    expected = packed(file)
    with short_reads(most):
        assert packed(file) == expected


@pytest.mark.parametrize("kind", ["random", "table"])
def test_single_bytes_give_the_same_segment(file: Path, kind: str) -> None:
    file.write_bytes(content(kind, 70_000))
    expected = packed(file)
    with short_reads(1):
        assert packed(file) == expected


@few_examples
@given(
    size=st.integers(1, 4 * BLOCK),
    kind=st.sampled_from(["random", "table"]),
    lengths=st.lists(st.integers(1, 2 * BLOCK), max_size=6),
)
def test_reads_of_changing_lengths_give_the_same_segment(
    file: Path, size: int, kind: str, lengths: list[int]
) -> None:
    file.write_bytes(content(kind, size))
    expected = packed(file)
    with short_reads(partial(next, cycle([*lengths, BLOCK]))):
        assert packed(file) == expected


@few_examples
@given(
    cuts=st.sets(st.integers(1, 3 * MIB - 1), min_size=2, max_size=8),
    level=st.sampled_from([STORE, FAST, SMALL]),
)
def test_segments_in_a_row_are_one_stream(file: Path, cuts: set[int], level: int) -> None:
    original = content("table", MIB) + content("random", MIB) + content("zeros", MIB)
    file.write_bytes(original)
    stream, crc = bytearray(), 0
    for start, end in within_a_segment([0, *sorted(cuts), len(original)]):
        segment = packed(file, level, offset=start, size=end - start)
        stream += segment.data
        crc = crc32_combine(crc, segment.crc, segment.size)
    assert zlib.decompress(stream + END_OF_STREAM, wbits=-15) == original
    assert crc == zlib.crc32(original)


def within_a_segment(cuts: list[int]) -> Iterator[tuple[int, int]]:
    start = cuts[0]
    for end in cuts[1:]:
        while start < end:
            yield start, min(end, start + SEGMENT)
            start = min(end, start + SEGMENT)


@every_level
def test_the_next_segment_leaves_the_one_before_as_it_was(file: Path, level: int) -> None:
    originals = [content(kind, MIB, 1) for kind in ("table", "random", "zeros", "table")]
    file.write_bytes(b"".join(originals))
    packer = SegmentPacker(level)
    with opened(file) as descriptor:
        segments = [packer(b"RUN4/out", descriptor, n * MIB, MIB) for n in range(4)]
    for segment, original in zip(segments, originals, strict=True):
        require(segment, original)


@pytest.mark.parametrize("level", [FAST, SMALL])
def test_what_a_packer_did_before_shows_in_no_segment(file: Path, level: int) -> None:
    kinds = ["random", "table", "table", "random", "random", "table"]
    file.write_bytes(b"".join(content(kind, MIB, 1) for kind in kinds))
    used = SegmentPacker(level)
    for number, kind in enumerate(kinds):
        fresh = packed(file, level, offset=number * MIB, size=MIB)
        assert is_stored(fresh) == (kind == "random")
        with opened(file) as descriptor:
            assert used(b"RUN4/out", descriptor, number * MIB, MIB) == fresh


@every_level
@pytest.mark.parametrize("kind", ["random", "table"])
@pytest.mark.parametrize("missing", [1, BLOCK, MIB - 1, MIB])
def test_a_file_that_ends_before_its_segment_does_is_named(
    file: Path, missing: int, kind: str, level: int
) -> None:
    file.write_bytes(content(kind, MIB)[: MIB - missing])
    with pytest.raises(TreeChanged, match=r"^RUN4/out changed its size while it was being packed$"):
        packed(file, level, size=MIB)


@every_level
def test_a_file_is_named_whichever_reading_fails(file: Path, level: int) -> None:
    file.write_bytes(content("table", MIB))
    failures = 0
    for number in range(1, calls_of("preadv", lambda: packed(file, level)) + 1):
        with (
            before_calls("preadv", at_call(number, fail)),
            pytest.raises(TreeChanged, match=r"^RUN4/out can't be read: Input/output error$"),
        ):
            packed(file, level)
        failures += 1
    assert failures
