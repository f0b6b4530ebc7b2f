import tracemalloc
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.packaging.spool import BLOCK, Spool

records = st.lists(
    st.binary(max_size=100)
    | st.builds(mul, st.binary(min_size=1, max_size=20), st.just(BLOCK // 4))
)


@given(pieces=records)
def test_what_was_appended_is_taken_in_order_once(pieces: list[bytes]) -> None:
    spool = Spool()
    for piece in pieces:
        spool.append(piece)
    assert b"".join(spool) == b"".join(pieces)
    assert b"".join(spool) == b""
    assert spool.size == len(b"".join(pieces))


@given(turns=st.lists(st.tuples(st.lists(st.binary(max_size=50)), st.integers(0, 3))))
def test_a_spool_may_be_taken_from_while_it_is_appended_to(
    turns: list[tuple[list[bytes], int]],
) -> None:
    spool = Spool()
    appended = taken = b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.packaging.spool.BLOCK", 100)
        for pieces, times in turns:
            for piece in pieces:
                spool.append(piece)
                appended += piece
            for _ in range(times):
                taken += spool.take()
    taken += b"".join(spool)
    assert taken == appended
    assert spool.size == len(appended)


@given(pieces=records)
def test_no_record_is_cut_in_two(pieces: list[bytes]) -> None:
    spool = Spool()
    ends, size = {0}, 0
    for piece in pieces:
        spool.append(piece)
        size += len(piece)
        ends.add(size)
    read = 0
    for block in spool:
        read += len(block)
        assert read in ends


def test_blocks_are_of_bounded_size() -> None:
    spool = Spool()
    for _ in range(10 * BLOCK // 100):
        spool.append(bytes(100))
    assert max(map(len, spool)) < BLOCK + 100


def test_an_empty_one_holds_nothing() -> None:
    assert b"".join(Spool()) == b""


def test_records_take_little_memory_while_they_wait() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        spool = Spool()
        for number in range(200_000):
            spool.append(b"%016d" % number)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < spool.size / 4
