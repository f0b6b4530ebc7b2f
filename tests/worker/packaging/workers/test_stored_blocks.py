import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.packaging.trees import MIB, content
from worker.packaging.workers.segment import BLOCK, stored_blocks
from worker.packaging.zip.deflate import END_OF_STREAM, FAST, Deflater, deflated_bound

sizes = st.sampled_from([1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, MIB]) | st.integers(1, MIB)


@given(size=sizes)
def test_zlib_reads_what_was_stored(size: int) -> None:
    data = content("random", MIB)[:size]
    blocks = stored_blocks(memoryview(data))
    assert zlib.decompress(blocks + END_OF_STREAM, wbits=-15) == data
    assert len(blocks) == size + 5 * -(-size // BLOCK) <= deflated_bound(size)


@given(kinds=st.lists(st.tuples(st.booleans(), sizes), max_size=6))
def test_stored_and_deflated_parts_follow_each_other_in_any_order(
    kinds: list[tuple[bool, int]],
) -> None:
    deflate = Deflater(MIB, FAST).segment
    stream, expected = bytearray(), bytearray()
    for is_stored, size in kinds:
        data = content("random" if is_stored else "table", MIB)[:size]
        view = memoryview(data)
        stream += stored_blocks(view) if is_stored else deflate(view, bytes(expected[-1:]))[0]
        expected += data
    assert zlib.decompress(stream + END_OF_STREAM, wbits=-15) == expected


@pytest.mark.parametrize("size", [1, BLOCK, MIB])
def test_blocks_are_no_stream_until_they_are_closed(size: int) -> None:
    inflating = zlib.decompressobj(wbits=-15)
    inflating.decompress(stored_blocks(memoryview(bytes(size))))
    assert not inflating.eof
    inflating.decompress(END_OF_STREAM)
    assert inflating.eof
