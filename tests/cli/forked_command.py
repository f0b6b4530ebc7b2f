"""Runs `oneprefix` in a fork of a process that has imported the command line already.

Each command is a process of its own, as it is for a person, but does not spend a second of the
processor on importing what it needs. Tests of how the command starts run the installed script.
"""

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

#: What commands import when they run, and takes long.
PRELOADED = ("cli.main", "tasks", "botocore.session", "worker.storage.client", "alembic.command")


class Request(NamedTuple):
    arguments: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    out: str
    err: str


class CommandServer:
    """The process that is forked. It ends when its socket is closed."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
                # rich reads the width once, when the command line is imported
                env={
                    **os.environ,
                    "PYTHONPATH": str(Path(__file__).parents[2]),
                    "COLUMNS": "200",
                },
            )
        atexit.register(self._socket.close)

    def run(self, request: Request, timeout: float) -> int:
        """The command's exit code; TimeoutExpired, once it is killed, after so many seconds."""
        _send(self._socket, request)
        pid = _receive(self._socket)
        self._socket.settimeout(timeout)
        try:
            code = _receive(self._socket)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._socket.settimeout(None)
            _receive(self._socket)
            raise subprocess.TimeoutExpired(request.arguments, timeout) from None
        self._socket.settimeout(None)
        assert isinstance(code, int)
        return code


@cache
def command_server() -> CommandServer:
    """This test process's own."""
    return CommandServer()


def _send(to: socket.socket, value: Any) -> None:
    data = pickle.dumps(value)
    to.sendall(len(data).to_bytes(4, "big") + data)


def _receive(sender: socket.socket) -> Any:
    size = sender.recv(4, socket.MSG_WAITALL)
    if not size:
        raise EOFError
    return pickle.loads(sender.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))


def _serve(parent: socket.socket) -> None:
    for name in PRELOADED:
        __import__(name)
    while True:
        try:
            request = _receive(parent)
        except EOFError:
            return
        pid = os.fork()
        if pid == 0:
            parent.close()
            _become(request)
        _send(parent, pid)
        _, status = os.waitpid(pid, 0)
        _send(parent, os.waitstatus_to_exitcode(status))


def _become(request: Request) -> None:
    """Run the command in this process, and end it."""
    for path, descriptor in ((request.out, 1), (request.err, 2)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = ["oneprefix", *request.arguments]
    code: Any = 1
    try:
        from cli.main import main  # noqa: PLC0415  imported before the fork

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  as the interpreter would
        sys.excepthook(*sys.exc_info())
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as served:
        _serve(served)
