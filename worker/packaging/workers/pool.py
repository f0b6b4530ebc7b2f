"""Packs units of work in threads, and many small files in helper processes."""

import threading
from collections import deque
from collections.abc import Generator, Iterator
from functools import partial

from worker.packaging.workers.batch import BatchPacker, PackedBatch, check_batch
from worker.packaging.workers.helper import MAX_PENDING, Helper, PendingBatch
from worker.packaging.workers.segment import PackedSegment, SegmentPacker
from worker.packaging.workers.units import Batch, Segment, Unit
from worker.process.threads import Results, Threads

Packed = PackedBatch | tuple[Segment, PackedSegment]

#: Bytes packed by helpers that may wait for their turn, beside the batches at work.
MAX_HELD = 12 << 20
#: The same while the tree is still measured, when nothing is sent yet.
MAX_HELD_WHILE_MEASURING = 24 << 20
#: Entries from which on a batch is worth the way to a helper process.
MIN_FOR_HELPER = 8


class _Tools(threading.local):
    """The packers of each thread."""

    def __init__(self, level: int) -> None:
        self.pack_batch = BatchPacker(level)
        self.pack_segment = SegmentPacker(level)


class PackingPool:
    """Up to `threads` threads that pack at `level`, and as many helpers once they are started.

    Nothing is started before there is work.
    """

    def __init__(self, *, threads: int, level: int) -> None:
        self._count = threads
        self._level = level
        self._tools = _Tools(level)
        self._threads = Threads(threads, "packing")
        self._helpers: list[Helper] = []
        self._ahead: deque[tuple[Unit, Results[Packed] | PendingBatch]] = deque()
        """Units in their order, each with where its result will be."""
        self.in_flight = 2 * threads + 3
        """Units that may be packed, or wait for their turn, at a time."""

    @property
    def has_helpers(self) -> bool:
        return bool(self._helpers)

    def start_helpers(self) -> None:
        """Start the helper processes that do not run yet; HelperLost if the machine refuses."""
        while len(self._helpers) < self._count:
            self._helpers.append(Helper.start(self._level))

    def close(self) -> None:
        """Stop packing, close all units that were taken, and end the helpers."""
        self._threads.close(cancel=True)
        while self._ahead:
            self._ahead.popleft()[0].close()
        while self._helpers:
            self._helpers.pop().close()

    def pack_ahead(self, units: Iterator[Unit | None], *, max_held: int) -> None:
        """Begin with the next units, as many as there is room for, up to one that is None.

        Helpers get no new work while `max_held` bytes that they packed wait for their turn.
        """
        while self._has_room(max_held) and (unit := next(units, None)):
            self._begin(unit)

    def in_order(self, units: Iterator[Unit | None]) -> Generator[Packed]:
        """Yield the packed units in input order, with a few packed ahead. Single use."""
        self.pack_ahead(units, max_held=MAX_HELD)
        while self._ahead:
            packed = self._ahead[0][1].take()
            unit, _ = self._ahead.popleft()
            try:
                self.pack_ahead(units, max_held=MAX_HELD)
                yield packed
            finally:
                unit.release()

    def _has_room(self, max_held: int) -> bool:
        for helper in self._helpers:
            helper.collect()
        held = [
            pending.held
            for _, pending in self._ahead
            if isinstance(pending, PendingBatch) and pending.held
        ]
        return (
            len(self._ahead) - len(held) < self.in_flight
            and sum(held) < max_held
            and (not self._helpers or self._idlest().pending_count < MAX_PENDING)
        )

    def _idlest(self) -> Helper:
        return min(self._helpers, key=lambda helper: helper.pending_count)

    def _begin(self, unit: Unit) -> None:
        results: Results[Packed] = Results()
        self._ahead.append((unit, results))  # first, to be closed even if it can't begin
        if self._helpers and isinstance(unit, Batch) and unit.entry_count >= MIN_FOR_HELPER:
            self._ahead[-1] = unit, self._idlest().pack(unit)
        else:
            self._threads.submit(partial(self._pack, unit), results)

    def _pack(self, unit: Unit) -> Packed:
        if isinstance(unit, Batch):
            work = check_batch if unit.is_check else self._tools.pack_batch
            return work(unit.items, unit.descriptors)
        file = unit.file
        packed = self._tools.pack_segment(file.name, file.descriptor, unit.offset, unit.size)
        return unit, packed
