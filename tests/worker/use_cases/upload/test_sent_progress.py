"""An upload's progress is what has been sent of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.results import FakePackage
from worker.use_cases.upload.sent_progress import SentProgress


@dataclass
class Packed(FakePackage):
    """A package whose chunks of the archive each hold some bytes of the tree."""

    content: bytes = b""
    pairs: list[tuple[int, int]] = field(default_factory=list)

    def chunks(self) -> Iterator[bytes]:
        for packed, of_tree in self.pairs:
            self.bytes_done += of_tree
            yield bytes(packed)


PAIRS = st.lists(st.tuples(st.integers(1, 100), st.integers(0, 1000)), min_size=1, max_size=20)


def progress_of(*pairs: tuple[int, int]) -> SentProgress:
    progress = SentProgress(Packed(pairs=list(pairs)), lambda: None)
    for _ in progress.chunks():
        pass
    return progress


def test_what_is_packed_and_not_sent_is_not_done() -> None:
    assert progress_of((10, 1000)).bytes_done == 0


def test_within_a_chunk_the_trees_bytes_are_shared_evenly() -> None:
    progress = progress_of((10, 1000), (100, 300))
    progress.sent(5)
    assert progress.bytes_done == 500
    progress.sent(55)
    assert progress.bytes_done == 1150


def test_what_is_sent_again_is_not_counted_twice() -> None:
    progress = progress_of((10, 100), (10, 100))
    progress.sent(15)
    progress.sent(-5)
    progress.sent(5)
    assert progress.bytes_done == 150


@given(PAIRS, st.lists(st.integers(1, 50)))
def test_it_grows_with_what_is_sent_up_to_the_whole_tree(
    pairs: list[tuple[int, int]], pieces: list[int]
) -> None:
    progress, left, before = progress_of(*pairs), sum(packed for packed, _ in pairs), 0
    for piece in [*pieces, left]:
        progress.sent(min(piece, left))
        left -= min(piece, left)
        assert before <= progress.bytes_done
        before = progress.bytes_done
    assert left == 0
    assert before == sum(of_tree for _, of_tree in pairs)


def test_each_piece_tells_that_the_work_goes_on() -> None:
    moves: list[None] = []
    SentProgress(Packed(), lambda: moves.append(None)).sent(3)
    assert moves == [None]


def test_what_has_not_arrived_is_not_done() -> None:
    on_its_way = [5]
    progress = SentProgress(Packed(pairs=[(10, 100)]), lambda: None, lambda: on_its_way[0])
    for _ in progress.chunks():
        pass
    progress.sent(10)
    assert progress.bytes_done == 50
    on_its_way[0] = 0
    assert progress.bytes_done == 100
