"""Packs units of work in threads, and where files are many and small in helper processes."""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from functools import partial

from worker.packaging.batch import PackedBatch, pack_batch
from worker.packaging.helper import Helper
from worker.packaging.plan import Batch, Segment, Unit
from worker.packaging.segment import PackedSegment, SegmentPacker
from worker.packaging.zip_format import DEFLATED
from worker.threads import Results, Threads

Packed = PackedBatch | tuple[Segment, PackedSegment]

#: Members from which a batch is worth the way to a helper process.
WORTH_A_HELPER = 8


class PackingPool:
    """`threads` that pack at `level`; with `helpers`, each has a process for its small files."""

    def __init__(self, *, threads: int, level: int, helpers: bool, method: int = DEFLATED) -> None:
        self._threads = threads
        self._level = level
        self._method = method
        self._helpers = helpers
        self._idle_helpers: list[Helper] = []
        self._tools = threading.local()
        self._opened = ExitStack()
        self._workers = Threads(threads, "packing")
        self.in_flight = 2 * threads + 3
        """Units that may be packed, or wait for their turn, at a time."""

    def start_helpers(self) -> None:
        """Start a process for each thread ahead of its first batch; HelperLost if that fails."""
        if not self._helpers:
            self._helpers = True
            self._idle_helpers = [self._new_helper() for _ in range(self._threads)]

    def close(self) -> None:
        """End the helpers."""
        self._opened.close()

    def in_order(self, units: Iterable[Unit]) -> Generator[Packed]:
        """What each unit became; a few are packed ahead of the one that is asked for. Once."""
        ahead: deque[tuple[Unit, Results[Packed]]] = deque()
        try:
            for unit in units:
                results: Results[Packed] = Results()
                ahead.append((unit, results))
                self._workers.submit(partial(self._pack, unit), results)
                if len(ahead) == self.in_flight:
                    yield from self._next(ahead)
            while ahead:
                yield from self._next(ahead)
        finally:
            self._workers.close(cancel=True)
            for unit, _ in ahead:
                unit.close()

    @staticmethod
    def _next(ahead: deque[tuple[Unit, Results[Packed]]]) -> Iterator[Packed]:
        packed = ahead[0][1].take()
        unit, _ = ahead.popleft()
        try:
            yield packed
        finally:
            unit.release()

    def _pack(self, unit: Unit) -> Packed:
        if isinstance(unit, Batch):
            if self._helpers and unit.member_count >= WORTH_A_HELPER:
                return self._helper().pack(unit.items, unit.descriptors)
            return pack_batch(unit.items, unit.descriptors, self._level, self._method)
        file = unit.file
        packer = self._segment_packer()
        return unit, packer(file.name, file.descriptor, unit.offset, unit.size)

    def _segment_packer(self) -> SegmentPacker:
        if not hasattr(self._tools, "segment_packer"):
            self._tools.segment_packer = SegmentPacker(self._level, self._method)
        packer: SegmentPacker = self._tools.segment_packer
        return packer

    def _helper(self) -> Helper:
        """The thread's own."""
        if not hasattr(self._tools, "helper"):
            idle = self._idle_helpers
            self._tools.helper = idle.pop() if idle else self._new_helper()
        helper: Helper = self._tools.helper
        return helper

    def _new_helper(self) -> Helper:
        helper = Helper(self._level, self._method)
        self._opened.callback(helper.close)
        return helper
