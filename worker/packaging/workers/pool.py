"""Packs units of work in threads, and where files are many and small in helper processes."""

import threading
from collections import deque
from collections.abc import Generator, Iterator
from functools import partial

from worker.packaging.workers.batch import BatchPacker, PackedBatch
from worker.packaging.workers.helper import AT_ONCE, Asked, Helper
from worker.packaging.workers.plan import Batch, Segment, Unit
from worker.packaging.workers.segment import PackedSegment, SegmentPacker
from worker.process.threads import Results, Threads

Packed = PackedBatch | tuple[Segment, PackedSegment]

#: Bytes that may wait for their turn after helpers have packed them, beside the batches at work.
HELD = 12 << 20
#: The same while the tree is still measured, when nothing is sent yet.
HELD_AT_FIRST = 28 << 20
#: Members from which a batch is worth the way to a helper process.
WORTH_A_HELPER = 8


class _Tools(threading.local):
    """Each thread's own."""

    def __init__(self, level: int) -> None:
        self.pack_batch = BatchPacker(level)
        self.pack_segment = SegmentPacker(level)


class PackingPool:
    """`threads` that pack at `level`, and once they are started as many helpers for small files."""

    def __init__(self, *, threads: int, level: int) -> None:
        self._count = threads
        self._level = level
        self._tools = _Tools(level)
        self._threads = Threads(threads, "packing")
        self._helpers: list[Helper] = []
        self._ahead: deque[tuple[Unit, Results[Packed] | Asked]] = deque()
        self.in_flight = 2 * threads + 3
        """Units that may be packed, or wait for their turn, at a time."""

    @property
    def has_helpers(self) -> bool:
        return bool(self._helpers)

    def start_helpers(self) -> None:
        """HelperLost if the machine starts no more processes."""
        while len(self._helpers) < self._count:
            self._helpers.append(Helper(self._level))

    def close(self) -> None:
        """Stop packing, and end the helpers."""
        self._threads.close(cancel=True)
        while self._ahead:
            self._ahead.popleft()[0].close()
        while self._helpers:
            self._helpers.pop().close()

    def pack_ahead(self, units: Iterator[Unit | None], *, held: int) -> None:
        """Let the next units be packed, as many as may be; until one is None, which comes later.

        At most so many bytes are `held` that helpers have packed.
        """
        while self._has_room(held) and (unit := next(units, None)):
            self._begin(unit)

    def in_order(self, units: Iterator[Unit | None]) -> Generator[Packed]:
        """What each unit became; a few are packed ahead of the one that is asked for. Once."""
        self.pack_ahead(units, held=HELD)
        while self._ahead:
            packed = self._ahead[0][1].take()
            unit, _ = self._ahead.popleft()
            try:
                self.pack_ahead(units, held=HELD)
                yield packed
            finally:
                unit.release()

    def _has_room(self, most: int) -> bool:
        for helper in self._helpers:
            helper.collect()
        held = [asked.held for _, asked in self._ahead if isinstance(asked, Asked) and asked.held]
        return (
            len(self._ahead) - len(held) < self.in_flight
            and sum(held) < most
            and (not self._helpers or self._idlest().unanswered < AT_ONCE)
        )

    def _idlest(self) -> Helper:
        return min(self._helpers, key=lambda helper: helper.unanswered)

    def _begin(self, unit: Unit) -> None:
        results: Results[Packed] = Results()
        self._ahead.append((unit, results))  # first, to be closed even if it can't begin
        if self._helpers and isinstance(unit, Batch) and unit.member_count >= WORTH_A_HELPER:
            self._ahead[-1] = unit, self._idlest().pack(unit)
        else:
            self._threads.submit(partial(self._pack, unit), results)

    def _pack(self, unit: Unit) -> Packed:
        if isinstance(unit, Batch):
            return self._tools.pack_batch(unit.items, unit.descriptors)
        file = unit.file
        packed = self._tools.pack_segment(file.name, file.descriptor, unit.offset, unit.size)
        return unit, packed
