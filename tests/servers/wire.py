"""A wire between a program and a TCP or Unix server, on which connections can go silent."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from shutil import which
from typing import Self

#: Whether packets can be dropped here: as root, with nft.
CAN_DROP = (
    which("nft") is not None
    and not subprocess.run(["nft", "list", "tables"], capture_output=True, check=False).returncode
)


class Wire:
    """Passes on bytes between clients of `port` and the server that `connect` reaches."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._links: list[_Link] = []
        self._all_silent = False
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._links:
            link.close()

    def silence(self, *, new_ones_too: bool = False, answers_alone: bool = False) -> None:
        """Deliver nothing more on the connections there are, or no answers.

        What is sent on them is acknowledged still, as by a server that hangs, and lost. New ones
        work, unless `new_ones_too`.
        """
        self._all_silent = new_ones_too
        for link in self._links:
            link.loses_answers = True
            link.is_silent = not answers_alone

    def speak(self) -> None:
        """Let new connections work again; those that went silent stay so."""
        self._all_silent = False

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Drop each packet of the connections there are, acknowledgements too; new ones work."""
        ports = ", ".join(str(link.client_port) for link in self._links if link.is_open)
        table = f"oneprefix_wire_{self.port}"
        rules = (
            f"table inet {table} {{ chain input {{ type filter hook input priority 0;"
            f" tcp dport {self.port} tcp sport {{ {ports} }} drop;"
            f" tcp sport {self.port} tcp dport {{ {ports} }} drop; }}; }}"
        )
        subprocess.run(["nft", rules], check=True)
        try:
            yield
        finally:
            subprocess.run(["nft", "delete", "table", "inet", table], check=True)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, (_, port) = self._listener.accept()
                try:
                    server = self._connect()
                except OSError:
                    client.close()
                    continue
                self._links.append(_Link(client, server, port, is_silent=self._all_silent))


class _Link:
    def __init__(
        self, client: socket.socket, server: socket.socket, port: int, *, is_silent: bool
    ) -> None:
        self.client_port = port
        self.is_silent = self.loses_answers = is_silent
        self.is_open = True
        self._ends = client, server
        for one, other in (self._ends, self._ends[::-1]):
            threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def close(self) -> None:
        self.is_open = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if not (self.is_silent or (self.loses_answers and target is self._ends[0])):
                    target.sendall(data)
        if not self.loses_answers:  # one whose other end has left stays silent too
            self.close()
