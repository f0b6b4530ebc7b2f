import zlib
from collections.abc import Callable
from itertools import pairwise
from operator import mul
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib
from isal.isal_zlib import crc32, crc32_combine

from tests.worker.packaging.processes import printed_by
from tests.worker.packaging.trees import KIB, MIB, SIZES, content, hardly_compressible
from worker.packaging.zip.deflate import (
    END_OF_STREAM,
    FAST,
    SAMPLE,
    SMALL,
    Deflater,
    compressible,
    deflated,
    deflated_bound,
    sample_offsets,
)

LEVELS = [FAST, SMALL]
levels = st.sampled_from(LEVELS)
#: Data with repetitions, sometimes long enough for more than one block.
data = st.lists(st.builds(mul, st.binary(max_size=30), st.integers(1, 3000)), max_size=8).map(
    b"".join
)
#: Data without the zero byte, which then serves as history, and with it.
whole_data = data.map(lambda data: data.replace(b"\0", b"0")) | data.map(lambda data: data + b"\0")


def with_isals_own_class(size: int, level: int) -> Deflater:
    assert hasattr(isal_zlib, "_ParallelCompress")
    return Deflater(size, level)


def without_it(size: int, level: int) -> Deflater:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(isal_zlib, "_ParallelCompress")
        return Deflater(size, level)


both_ways = pytest.mark.parametrize("deflater", [with_isals_own_class, without_it])
Making = Callable[[int, int], Deflater]


@given(data=data, level=levels)
def test_zlib_inflates_what_is_deflated(data: bytes, level: int) -> None:
    stream = deflated(data, level)
    assert zlib.decompress(stream, wbits=-15) == data
    assert isal_zlib.decompress(stream, -15) == data
    assert len(stream) <= deflated_bound(len(data))


@both_ways
@given(segments=st.lists(data.filter(len), max_size=6), level=levels)
def test_zlib_inflates_segments_that_were_joined(
    deflater: Making, segments: list[bytes], level: int
) -> None:
    deflate = deflater(max(map(len, segments), default=1), level).segment
    stream, before = b"", b""
    for segment in segments:
        blocks, crc = deflate(memoryview(segment), before)
        assert crc == zlib.crc32(segment)
        stream += blocks
        before = segment[-1:]
    stream += END_OF_STREAM
    assert zlib.decompress(stream, wbits=-15) == b"".join(segments)
    assert len(stream) <= sum(deflated_bound(len(segment)) for segment in segments) + 2


@both_ways
@given(segments=st.lists(data.filter(len), max_size=6), level=levels)
def test_a_segment_deflates_to_the_same_bytes_whatever_came_before(
    deflater: Making, segments: list[bytes], level: int
) -> None:
    size = max(map(len, segments), default=1)
    used = deflater(size, level).segment
    for segment in segments:
        view = memoryview(segment)
        for before in (b"", b"\n"):
            fresh = deflater(size, level).segment
            assert used(view, before) == used(view, before) == fresh(view, before)


@both_ways
@given(streams=st.lists(whole_data, max_size=4), level=levels)
def test_zlib_inflates_whole_streams_which_are_the_same_whatever_came_before(
    deflater: Making, streams: list[bytes], level: int
) -> None:
    size = max(map(len, streams), default=0)
    used = deflater(size, level)
    for data in streams:
        stream, crc = used.whole(data)
        assert zlib.decompress(stream, wbits=-15) == data
        assert crc == zlib.crc32(data)
        assert len(stream) <= deflated_bound(len(data))
        assert (stream, crc) == used.whole(data) == deflater(size, level).whole(data)


@given(data=whole_data, level=levels)
def test_both_ways_give_the_same_bytes(data: bytes, level: int) -> None:
    ways = [way(len(data) + 1, level) for way in (with_isals_own_class, without_it)]
    wholes = [way.whole(data) for way in ways]
    assert wholes[0] == wholes[1]


@both_ways
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["random", "zeros", "table"])
@pytest.mark.parametrize("size", SIZES)
def test_whole_streams_of_every_size_stay_below_the_bound(
    deflater: Making, size: int, kind: str, level: int
) -> None:
    original = content(kind, size)
    stream, crc = deflater(size, level).whole(original)
    assert zlib.decompress(stream, wbits=-15) == original
    assert crc == zlib.crc32(original)
    assert len(stream) <= deflated_bound(size)


@both_ways
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["random", "zeros", "table"])
@pytest.mark.parametrize("size", SIZES[1:])
def test_segments_of_every_size_stay_below_the_bound(
    deflater: Making, size: int, kind: str, level: int
) -> None:
    original = content(kind, size)
    segment, crc = deflater(size, level).segment(memoryview(original))
    assert zlib.decompress(segment + END_OF_STREAM, wbits=-15) == original
    assert crc == zlib.crc32(original)
    assert len(segment) <= deflated_bound(size)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [0, 1, 100, MIB, 4 * MIB + 1])
def test_noise_stays_below_the_bound(size: int, level: int) -> None:
    noise = content("random", size)
    assert size <= len(deflated(noise, level)) <= deflated_bound(size)


@pytest.mark.parametrize("level", LEVELS)
def test_bytes_that_deflate_badly_fit_into_the_room_for_a_segment(level: int) -> None:
    deflate = with_isals_own_class(MIB, level)
    for seed in range(8):
        original = hardly_compressible(MIB, seed=seed)
        for size in (MIB, MIB - 1, 70_000, 65_536, 1000):
            segment, _ = deflate.segment(memoryview(original)[:size])
            assert len(segment) <= deflated_bound(size)
            assert zlib.decompress(segment + END_OF_STREAM, wbits=-15) == original[:size]
            stream, _ = deflate.whole(original[:size])
            assert len(stream) <= deflated_bound(size)
            assert zlib.decompress(stream, wbits=-15) == original[:size]


@given(size=st.integers(0, 2**33), parts=st.integers(1, 5000))
def test_the_bound_of_a_whole_covers_the_bounds_of_its_parts(size: int, parts: int) -> None:
    part = size // parts
    assert parts * deflated_bound(part) <= deflated_bound(part * parts) + parts * deflated_bound(0)


def test_an_empty_stream_is_its_end() -> None:
    assert deflated(b"") == END_OF_STREAM
    assert zlib.decompress(END_OF_STREAM, wbits=-15) == b""


def test_tables_of_numbers_become_much_smaller() -> None:
    assert len(deflated(content("table", MIB))) < MIB / 10


def test_the_small_level_makes_text_smaller_than_the_fast_one() -> None:
    random = Random(3)
    text = b"".join(b"%.3f,%d\n" % (random.random(), random.randrange(99)) for _ in range(20_000))
    assert len(deflated(text, SMALL)) < len(deflated(text, FAST)) < len(text) / 1.5


@given(data=data, start=st.integers(0, 2**32 - 1))
def test_the_crc_is_zlibs(data: bytes, start: int) -> None:
    assert crc32(data) == zlib.crc32(data)
    assert crc32(data, start) == zlib.crc32(data, start)


@given(first=data, second=data)
def test_crcs_are_combined_to_that_of_both(first: bytes, second: bytes) -> None:
    combined = crc32_combine(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)


@given(size=st.integers(0, 3 * MIB) | st.sampled_from(SIZES))
def test_samples_lie_apart_within_the_data(size: int) -> None:
    offsets = sample_offsets(size)
    assert len(offsets) == (0 if size < 16 * KIB else 4)
    assert all(at + SAMPLE <= following for at, following in pairwise((*offsets, size)))


@pytest.mark.parametrize("size", [16 * KIB, 128 * KIB, MIB])
def test_a_guess_tells_text_from_noise(size: int) -> None:
    assert compressible(content("table", size))
    assert compressible(content("zeros", size))
    assert not compressible(content("random", size))


def test_data_too_short_for_samples_count_as_compressible() -> None:
    assert compressible(content("random", 16 * KIB - 1))


#: Each thread deflates 20,224 buffers with objects of their own, whole and as a segment. They are
#: long enough for ISA-L's fast loop, and have each third byte, since that is what it may take from
#: a register that it never set.
PRINT_THE_DIGESTS = """
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from worker.packaging.zip.deflate import FAST, SMALL, Deflater, deflated

def digest(level):
    digest = sha256()
    for size in range(300, 379):
        for third in range(256):
            buffer = (bytes((size * 3 % 256, size % 256, third, 7, 9)) * 80)[:size]
            digest.update(Deflater(size, level).whole(buffer)[0])
            if size % 2:
                digest.update(deflated(buffer, level))
            else:
                before = b"" if size % 4 else buffer[-1:]
                digest.update(Deflater(size, level).segment(memoryview(buffer), before)[0])
    return digest.hexdigest()

with ThreadPoolExecutor(4) as threads:
    print(*threads.map(digest, [FAST] * 3 + [SMALL]))
"""


def test_what_memory_and_registers_held_before_shows_in_no_stream() -> None:
    printed = [
        printed_by(PRINT_THE_DIGESTS, PYTHONMALLOC="malloc", MALLOC_PERTURB_=garbage).split()
        for garbage in ("85", "170")
    ]
    assert {digest for digests in printed for digest in digests[:3]} == {printed[0][0]}
    assert {digest for digests in printed for digest in digests[3:]} == {printed[0][3]}
