"""Messages between a worker and its helper processes: marshalled values, and open descriptors."""

import marshal
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any

_LENGTH = Struct("<Q")
#: The most descriptors that come with one message; Linux takes 253.
MAX_DESCRIPTORS = 64


def send(to: socket.socket, message: Any, descriptors: Sequence[int] = ()) -> None:
    data = marshal.dumps(message)
    socket.send_fds(to, [_LENGTH.pack(len(data))], descriptors)
    to.sendall(data)


def receive(sender: socket.socket) -> tuple[Any, list[int]] | None:
    """The next message and its descriptors, now ours to close; None if the other side is gone."""
    head, descriptors, _, _ = socket.recv_fds(sender, _LENGTH.size, MAX_DESCRIPTORS)
    if len(head) < _LENGTH.size:
        return None
    data = bytearray(_LENGTH.unpack(head)[0])
    room = memoryview(data)
    while room:
        size = sender.recv_into(room)
        if not size:
            return None
        room = room[size:]
    return marshal.loads(data), descriptors  # noqa: S302  both sides are ours
