import io
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.storage.upload.part_body import PartBody, SendingStopped
from worker.storage.upload.parts import Part

PIECES = st.lists(st.binary(min_size=1, max_size=9))


def body_of(pieces: list[bytes], told: list[int] | None = None) -> PartBody:
    part = Part()
    for piece in pieces:
        part.add(memoryview(piece))
    return PartBody(part, (told if told is not None else []).append)


def departs(body: PartBody) -> PartBody:
    PartBody.before_send(SimpleNamespace(body=body, headers={}), operation="UploadPart")
    return body


@given(PIECES, st.lists(st.integers(1, 12)))
def test_to_be_signed_it_reads_like_a_file(pieces: list[bytes], sizes: list[int]) -> None:
    body, file = body_of(pieces), io.BytesIO(b"".join(pieces))
    assert len(body) == len(file.getvalue())
    for size in sizes:
        found = bytes(body.read(size))
        assert len(found) <= size
        assert found == file.read(len(found))
        assert found or not file.read(1)
        assert body.tell() == file.tell()


@given(PIECES)
def test_on_its_way_it_goes_piece_by_piece(pieces: list[bytes]) -> None:
    told: list[int] = []
    body = departs(body_of(pieces, told))
    assert list(iter(lambda: bytes(body.read(1)), b"")) == pieces
    assert told == list(map(len, pieces))


@given(PIECES)
def test_every_try_sends_the_same_bytes_and_signs_them_first(pieces: list[bytes]) -> None:
    told: list[int] = []
    body = body_of(pieces, told)
    for _ in range(3):
        assert body.seek(0) == 0
        assert b"".join(map(bytes, iter(lambda: body.read(4), b""))) == b"".join(pieces)
        assert body.seek(0, 2) == len(body) == body.tell()
        body.seek(0)
        departs(body)
        body.read(4)
    first = [len(piece) for piece in pieces[:1]]
    assert told == [*first, *([-each for each in first] + first) * 2]


@given(PIECES)
def test_read_without_a_size_it_gives_all_that_is_left_as_bytes(pieces: list[bytes]) -> None:
    for body in (body_of(pieces), departs(body_of(pieces))):
        first = bytes(body.read(1))
        rest = body.read()
        assert isinstance(rest, bytes)
        assert first + rest == b"".join(pieces)


def test_another_body_is_left_alone() -> None:
    PartBody.before_send(SimpleNamespace(body=b"bytes"))


def test_a_part_that_is_given_up_ends_its_request() -> None:
    part = Part()
    part.add(memoryview(b"piece"))

    def give_up(_size: int) -> None:
        raise SendingStopped

    with pytest.raises(SendingStopped):
        departs(PartBody(part, give_up)).read()
