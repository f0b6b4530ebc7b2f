"""A helper process, seen from the worker: batches of small files go in, packed ones come out."""

import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import isal

import worker
from worker import errors
from worker.errors import HelperLost, OneprefixError
from worker.packaging.batch import Files, PackedBatch, Ready
from worker.packaging.messages import receive, send
from worker.packaging.zip_format import DEFLATED

_MAIN = (
    "import sys; sys.path += sys.argv[4:]; "
    "from worker.packaging.helper_process import main; main(*map(int, sys.argv[1:4]))"
)


class Helper:
    """Runs until it is closed. One thread's own."""

    def __init__(self, level: int, method: int = DEFLATED) -> None:
        """HelperLost if the machine starts no more processes."""
        with ExitStack() as undo:
            try:
                self._socket, theirs = socket.socketpair()
                undo.enter_context(theirs)
                undo.callback(self._socket.close)
                self._process = _started(theirs.fileno(), level, method)
            except OSError as error:
                raise HelperLost(
                    f"no helper process that packs small files can be started: {error}"
                ) from error
            undo.pop_all()
            theirs.close()

    def pack(self, items: Sequence[Ready | Files], descriptors: Sequence[int]) -> PackedBatch:
        """See `pack_batch`. HelperLost if the process has died."""
        try:
            send(self._socket, items, descriptors)
            answer = receive(self._socket)
        except OSError as error:
            raise self._lost() from error
        if answer is None:
            raise self._lost()
        match answer[0]:
            case (str(kind), str(message)):
                error_type: type[OneprefixError] = getattr(errors, kind)
                raise error_type(message)
            case packed:
                return PackedBatch(*packed)

    def close(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _lost(self) -> HelperLost:
        self._process.kill()
        status = self._process.wait()
        return HelperLost(f"a helper process that packs small files ended with {status}")


def _started(descriptor: int, *numbers: int) -> subprocess.Popen[bytes]:
    python = [sys.executable, "-I", "-S", "-c", _MAIN]
    return subprocess.Popen(  # noqa: S603  our own code
        [*python, *map(str, (descriptor, *numbers)), *_path()],
        stdin=subprocess.DEVNULL,
        pass_fds=[descriptor],
        start_new_session=True,  # Ctrl-C reaches only the worker, which decides
    )


def _path() -> list[str]:
    """Where the helper finds us and ISA-L, and nothing else beside the standard library."""
    return [str(Path(module.__path__[0]).parent) for module in (worker, isal)]
