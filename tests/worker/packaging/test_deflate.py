import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.packaging.trees import MIB, content
from worker.packaging.deflate import Deflater, crc32, deflated, deflated_bound, inflated


@given(data=st.binary(max_size=5000))
def test_zlib_inflates_what_is_deflated(data: bytes) -> None:
    assert zlib.decompress(deflated(data), wbits=-15) == data
    assert inflated(deflated(data)) == data


@given(data=st.binary(max_size=5000), start=st.integers(0, 2**32 - 1))
def test_the_crc_is_zlibs(data: bytes, start: int) -> None:
    assert crc32(data) == zlib.crc32(data)
    assert crc32(data, start) == zlib.crc32(data, start)


@given(pieces=st.lists(st.binary(max_size=3000), max_size=8))
def test_a_stream_of_pieces_is_one_deflated_whole(pieces: list[bytes]) -> None:
    deflater = Deflater()
    stream = b"".join(deflater.deflate(pieces))
    whole = b"".join(pieces)
    assert zlib.decompress(stream, wbits=-15) == whole
    assert (deflater.size, deflater.compressed_size) == (len(whole), len(stream))
    assert deflater.crc == zlib.crc32(whole)


@pytest.mark.parametrize("kind", ["random", "zeros", "table"])
def test_no_piece_of_the_stream_is_empty_or_much_larger_than_what_went_in(kind: str) -> None:
    pieces = [content(kind, MIB)] * 4
    sizes = [len(piece) for piece in Deflater().deflate(pieces)]
    assert min(sizes) > 0
    assert max(sizes) <= 2 * MIB


@pytest.mark.parametrize("size", [0, 1, 100, MIB, 4 * MIB + 1])
def test_noise_stays_below_the_bound(size: int) -> None:
    noise = content("random", size)
    stream = b"".join(Deflater().deflate([noise]))
    assert len(noise) <= len(stream) <= deflated_bound(size)


def test_tables_of_numbers_become_much_smaller() -> None:
    assert len(deflated(content("table", MIB))) < MIB / 10
