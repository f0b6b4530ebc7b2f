"""A helper process, seen from the worker: batches of small files go in, packed ones come out."""

import socket
import subprocess
import sys
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from select import POLLIN, poll

import isal

import worker
from worker import errors
from worker.errors import HelperLost, OneprefixError
from worker.packaging.workers.batch import PackedBatch
from worker.packaging.workers.messages import encoded, receive, send
from worker.packaging.workers.plan import Batch

_MAIN = (
    "import sys; sys.path += sys.argv[3:]; "
    "from worker.packaging.workers.helper_process import main; main(*map(int, sys.argv[1:3]))"
)


#: Batches that a helper may be asked for before it has answered: the next one is there already.
AT_ONCE = 2
#: Bytes of a request that surely fit into the socket's buffer, where it waits while the helper
#: answers. With a longer one, each side could wait for the other to read.
WAITS = 64 * 1024


class Asked:
    """A batch that a helper is asked for. It is released once that has answered."""

    def __init__(self, batch: Batch, helper: "Helper") -> None:
        self._batch = batch
        self._helper = helper
        self._answer: PackedBatch | OneprefixError | None = None

    @property
    def held(self) -> int:
        """Bytes of what was packed and has not been taken yet."""
        return len(self._answer.data) if isinstance(self._answer, PackedBatch) else 0

    def answer(self, answer: PackedBatch | OneprefixError) -> None:
        self._answer = answer
        self._batch.release()

    def take(self) -> PackedBatch:
        """Wait for it; raises what befell the helper. HelperLost if that has died."""
        while self._answer is None:
            self._helper.receive()
        if isinstance(self._answer, OneprefixError):
            raise self._answer
        return self._answer


class Helper:
    """Runs until it is closed. Not to be shared between threads."""

    def __init__(self, level: int) -> None:
        """HelperLost if the machine starts no more processes."""
        self._asked: deque[Asked] = deque()
        with ExitStack() as undo:
            try:
                self._socket, theirs = socket.socketpair()
                undo.enter_context(theirs)
                undo.callback(self._socket.close)
                self._process = _started(theirs.fileno(), level)
            except OSError as error:
                raise HelperLost(
                    f"no helper process that packs small files can be started: {error}"
                ) from error
            undo.pop_all()
            theirs.close()
        self._poll = poll()
        self._poll.register(self._socket, POLLIN)

    @property
    def unanswered(self) -> int:
        """Batches that it was asked for."""
        return len(self._asked)

    def pack(self, batch: Batch) -> Asked:
        """Ask for a batch, see `BatchPacker`."""
        request = encoded(batch.items)
        while len(request) > WAITS and self._asked:
            self.receive()
        asked = Asked(batch, self)
        try:
            send(self._socket, request, batch.descriptors)
        except OSError as error:
            raise self._lost() from error
        self._asked.append(asked)
        return asked

    def collect(self) -> None:
        """The answers that are there already."""
        while self._asked and self._poll.poll(0):
            self.receive()

    def receive(self) -> None:
        """Wait for the next answer."""
        try:
            answer = receive(self._socket)
        except OSError as error:
            raise self._lost() from error
        if answer is None:
            raise self._lost()
        asked = self._asked.popleft()
        match answer.message:
            case (str(kind), str(message)):
                asked.answer(getattr(errors, kind)(message))
            case index:
                asked.answer(PackedBatch(answer.body, *index))

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
    """Where the helper finds us and ISA-L, and nothing else beside the standard library."""
    return [str(Path(module.__path__[0]).parent) for module in (worker, isal)]
