"""Messages between a worker and its helper processes: values, open descriptors and bytes."""

import marshal
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any, NamedTuple

_LENGTHS = Struct("<QQ")
#: The most descriptors that come with one message; Linux takes 253.
MAX_DESCRIPTORS = 64


class Received(NamedTuple):
    message: Any
    descriptors: list[int]
    """The receiver closes them."""
    body: bytearray


def encoded(message: Any) -> bytes:
    return marshal.dumps(message)


def send(
    to: socket.socket,
    message: bytes,
    descriptors: Sequence[int] = (),
    body: bytes | bytearray = b"",
) -> None:
    """Send an encoded message, open descriptors, and a `body` that may be large, sent as it is."""
    socket.send_fds(to, [_LENGTHS.pack(len(message), len(body))], descriptors)
    to.sendall(message)
    to.sendall(body)


def receive(sender: socket.socket) -> Received | None:
    """Wait for the next message; None if the other side is gone."""
    head, descriptors, _, _ = socket.recv_fds(sender, _LENGTHS.size, MAX_DESCRIPTORS)
    if len(head) < _LENGTHS.size:
        return None
    data, body = map(bytearray, _LENGTHS.unpack(head))
    if not (_filled(data, sender) and _filled(body, sender)):
        return None
    return Received(marshal.loads(data), descriptors, body)  # noqa: S302  both sides are ours


def _filled(data: bytearray, sender: socket.socket) -> bool:
    """Fill the data from the socket; False if it ends before."""
    room = memoryview(data)
    while room:
        size = sender.recv_into(room, flags=socket.MSG_WAITALL)
        if not size:
            return False
        room = room[size:]
    return True
