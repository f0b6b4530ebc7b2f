"""Numbers that the processes of one worker add to, in memory that outlives each of them."""

import fcntl
import logging
import os
import weakref
from collections.abc import Iterable
from mmap import mmap
from threading import Lock

log = logging.getLogger(__name__)

_SIZE = 8
"""Bytes of a number."""


class SharedCounts:
    """A table of numbers in an anonymous file: one row for each process that counts. Linux only.

    A process locks a row, and adds to that row alone. The kernel releases the row of a process that
    ends, however it ends, and the next one adds to what is there: nothing that was counted is lost,
    and memory does not grow. Create it before forking.
    """

    def __init__(self, columns: int, rows: int, *, file: int | None = None) -> None:
        """`file`: the inherited descriptor of a table like this, which another process made."""
        self._columns, self._rows = columns, rows
        self.descriptor = os.memfd_create("counts") if file is None else file
        if file is None:
            os.ftruncate(self.descriptor, columns * rows * _SIZE)
            weakref.finalize(self, os.close, self.descriptor)
        self._numbers = memoryview(mmap(self.descriptor, columns * rows * _SIZE)).cast("d")
        self._lock = Lock()
        self._owner: int | None = None
        """The process that holds `_start`'s row; a fork has another id, and holds none."""
        self._start: int | None = None
        """Where the row begins; None if no row was free."""

    def add(self, amounts: Iterable[tuple[int, float]]) -> None:
        """Add each amount to its column of this process's row. From any thread."""
        with self._lock:
            if self._owner != os.getpid():
                self._take_row()
            if self._start is not None:
                for column, amount in amounts:
                    self._numbers[self._start + column] += amount

    def totals(self) -> list[float]:
        """The sum of each column over all processes, those that have ended too."""
        size = self._columns * self._rows
        numbers = self._numbers[:size].tolist()
        return [sum(numbers[column :: self._columns]) for column in range(self._columns)]

    def _take_row(self) -> None:
        self._owner = os.getpid()
        self._start = next(
            (row * self._columns for row in range(self._rows) if self._is_free(row)), None
        )
        if self._start is None:
            log.warning("process %d counts nothing: as many count already", self._owner)

    def _is_free(self, row: int) -> bool:
        try:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, row)
        except OSError:
            return False
        return True
