"""Tells how much of a tree has been sent, by how much of its packed form has."""

from collections import deque
from collections.abc import Callable, Iterator
from threading import Lock

from worker.use_cases.upload.ports import Package


class SentProgress:
    """Counts bytes of a package's tree whose packed form is on its way. From any thread."""

    def __init__(
        self, package: Package, moved: Callable[[], None], on_its_way: Callable[[], int] = int
    ) -> None:
        """`moved` is called for every piece that is sent.

        `on_its_way` tells how many of the bytes that were sent have not arrived yet.
        """
        self._package = package
        self._moved = moved
        self._on_its_way = on_its_way
        self._lock = Lock()
        self._packed = 0
        self._sent = 0
        self._passed = (0, 0)
        """The last mark before what has been sent: bytes of the archive, bytes of the tree."""
        self._ahead: deque[tuple[int, int]] = deque()

    def chunks(self) -> Iterator[bytes | bytearray]:
        """Yield the package's chunks."""
        for chunk in self._package.chunks():
            self._packed += len(chunk)
            self._ahead.append((self._packed, self._package.bytes_done))
            yield chunk

    def sent(self, size: int) -> None:
        """Count so many bytes of the archive; those of a request that is repeated, taken back."""
        self._moved()
        with self._lock:
            self._sent += size

    @property
    def bytes_done(self) -> int:
        on_its_way = self._on_its_way()  # takes its time, in which nobody who sends shall wait
        with self._lock:
            arrived = self._sent - on_its_way
            while self._ahead and self._ahead[0][0] <= arrived:
                self._passed = self._ahead.popleft()
            packed, done = self._passed
            if not self._ahead or arrived < packed:
                return done
            next_packed, next_done = self._ahead[0]
            share = (arrived - packed) / (next_packed - packed)
            return done + int(share * (next_done - done))
