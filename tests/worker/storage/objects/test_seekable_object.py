import os
from collections.abc import Iterator
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.storage.objects import seekable_object as range_reader
from worker.storage.objects.seekable_object import TAIL, RangeReader

CONTENT = os.urandom(3 * TAIL)


def reader_of(content: bytes, asked: list[tuple[int, int]] | None = None) -> RangeReader:
    def chunks(start: int, end: int) -> Iterator[bytes]:
        if asked is not None:
            asked.append((start, end))
        for at in range(start, end, 1000):
            yield content[at : min(at + 1000, end)]

    return RangeReader(len(content), chunks)


@given(
    st.integers(0, 50) | st.integers(TAIL - 50, 2 * TAIL + 50),
    st.lists(st.tuples(st.integers(0, 2 * TAIL + 60), st.integers(-1, TAIL), st.booleans())),
)
def test_it_reads_as_a_file_does(length: int, reads: list[tuple[int, int, bool]]) -> None:
    content = CONTENT[:length]
    reader, file = reader_of(content), BytesIO(content)
    for at, size, goes_on in reads:
        if not goes_on:
            assert reader.seek(at) == file.seek(at)
        if goes_on and file.tell() > len(content):
            continue
        assert reader.read(size) == file.read(size)
        assert goes_on is False or reader.tell() == file.tell()


def test_the_end_is_asked_for_once() -> None:
    asked: list[tuple[int, int]] = []
    reader = reader_of(CONTENT, asked)
    for back in (22, 42, 98, TAIL):
        reader.seek(-back, os.SEEK_END)
        assert reader.read(22) == CONTENT[len(CONTENT) - back :][:22]
    assert asked == [(2 * TAIL, 3 * TAIL)]
    assert (reader.requests, reader.transferred) == (1, TAIL)


def test_what_is_expected_is_asked_for_once_and_no_more_than_that() -> None:
    asked: list[tuple[int, int]] = []
    reader = reader_of(CONTENT, asked)
    reader.expect(10, 5010)
    reader.seek(10)
    assert b"".join(reader.read(100) for _ in range(50)) == CONTENT[10:5010]
    reader.expect(10, 5010)
    reader.seek(10)
    reader.read(30)
    reader.seek(500)
    assert reader.read(4510) == CONTENT[500:5010]
    reader.seek(7000)
    assert reader.read(5) == CONTENT[7000:7005]
    assert asked == [(10, 5010), (10, 5010), (7000, 7005)]


def test_what_reaches_into_the_end_is_put_together() -> None:
    reader = reader_of(CONTENT)
    reader.expect(TAIL, 3 * TAIL)
    reader.seek(TAIL)
    assert reader.read() == CONTENT[TAIL:]
    assert reader.transferred == 2 * TAIL


def test_nothing_lies_before_the_beginning_and_no_archive_gets_all_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = reader_of(b"abc")
    with pytest.raises(OSError, match="before the beginning"):
        reader.seek(-4, os.SEEK_END)
    monkeypatch.setattr(range_reader, "MAX_READ", 2)
    with pytest.raises(OSError, match="3 bytes are asked for at once"):
        reader.read()
