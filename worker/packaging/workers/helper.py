"""A helper process, seen from the worker: batches of small files go in, packed ones come out."""

import socket
import subprocess
import sys
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from select import POLLIN, poll
from typing import Self

import isal

import worker
from worker import errors
from worker.errors import HelperLost, OneprefixError
from worker.packaging.workers.batch import PackedBatch
from worker.packaging.workers.messages import encoded, receive, send
from worker.packaging.workers.units import Batch

_MAIN = (
    "import sys; sys.path += sys.argv[3:]; "
    "from worker.packaging.workers.helper_process import main; main(*map(int, sys.argv[1:3]))"
)

#: Batches that a helper may have at a time: one at work, and the next one for right behind it.
MAX_PENDING = 2
#: Bytes of a request that surely fit into the socket's buffer, where the request waits while the
#: helper sends an answer. With a longer one, each side could wait for the other to read.
MAX_WAITING_REQUEST = 64 * 1024


class PendingBatch:
    """A batch that was given to a helper, which is released once the helper has answered."""

    def __init__(self, batch: Batch, helper: "Helper") -> None:
        self._batch = batch
        self._helper = helper
        self._answer: PackedBatch | OneprefixError | None = None

    @property
    def held(self) -> int:
        """Bytes that were packed and not taken yet."""
        return len(self._answer.data) if isinstance(self._answer, PackedBatch) else 0

    def answer(self, answer: PackedBatch | OneprefixError) -> None:
        self._answer = answer
        self._batch.release()

    def take(self) -> PackedBatch:
        """Wait for the packed batch. Raises the helper's error, or HelperLost if it has died."""
        while self._answer is None:
            self._helper.receive()
        if isinstance(self._answer, OneprefixError):
            raise self._answer
        return self._answer


class Helper:
    """A process that runs until it is closed. One thread at a time may use it."""

    def __init__(self, connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self._socket = connection
        self._process = process
        self._pending: deque[PendingBatch] = deque()
        self._poll = poll()
        self._poll.register(connection, POLLIN)

    @classmethod
    def start(cls, level: int) -> Self:
        """Start a process that packs at this level; HelperLost if the machine refuses."""
        with ExitStack() as undo:
            try:
                ours, theirs = socket.socketpair()
                undo.callback(ours.close)
                with theirs:
                    process = _started(theirs.fileno(), level)
            except OSError as error:
                raise HelperLost(
                    f"no helper process that packs small files can be started: {error}"
                ) from error
            undo.pop_all()
        return cls(ours, process)

    @property
    def pending_count(self) -> int:
        """Batches that were given to the helper and are not answered yet."""
        return len(self._pending)

    def pack(self, batch: Batch) -> PendingBatch:
        """Give the helper a batch; HelperLost if it has died."""
        request = encoded(batch.message)
        while len(request) > MAX_WAITING_REQUEST and self._pending:
            self.receive()
        pending = PendingBatch(batch, self)
        try:
            send(self._socket, request, batch.descriptors)
        except OSError as error:
            raise self._lost() from error
        self._pending.append(pending)
        return pending

    def collect(self) -> None:
        """Receive the answers that are there already."""
        while self._pending and self._poll.poll(0):
            self.receive()

    def receive(self) -> None:
        """Wait for the next answer; HelperLost if the helper has died."""
        try:
            answer = receive(self._socket)
        except OSError as error:
            raise self._lost() from error
        if answer is None:
            raise self._lost()
        pending = self._pending.popleft()
        match answer.message:
            case (str(kind), str(message)):
                pending.answer(getattr(errors, kind)(message))
            case index:
                pending.answer(PackedBatch(answer.body, *index))

    def close(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _lost(self) -> HelperLost:
        self._process.kill()
        status = self._process.wait()
        return HelperLost(f"a helper process that packs small files ended with {status}")


def _started(descriptor: int, level: int) -> subprocess.Popen[bytes]:
    python = [sys.executable, "-I", "-S", "-c", _MAIN]
    return subprocess.Popen(  # noqa: S603  our own code
        [*python, str(descriptor), str(level), *_path()],
        stdin=subprocess.DEVNULL,
        pass_fds=[descriptor],
        start_new_session=True,  # Ctrl-C reaches only the worker, which decides
    )


def _path() -> list[str]:
    """Where the helper finds this package and ISA-L; it has the standard library alone beside."""
    return [str(Path(module.__path__[0]).parent) for module in (worker, isal)]
