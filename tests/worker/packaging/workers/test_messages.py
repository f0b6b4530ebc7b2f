import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.packaging.left_behind import nothing_left_behind
from tests.worker.packaging.trees import MIB
from worker.packaging.workers.messages import MAX_DESCRIPTORS, Received, encoded, receive, send
from worker.packaging.workers.units import BATCH_DIRECTORIES

#: Values of the types that batches, packed batches and errors consist of.
values = st.recursive(
    st.binary() | st.integers(-(2**70), 2**70) | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=5) | st.lists(inner, max_size=5).map(tuple),
    max_leaves=30,
)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


Pair = tuple[socket.socket, socket.socket]


@given(messages=st.lists(st.tuples(values, st.binary()), max_size=5))
def test_messages_arrive_as_they_were_one_by_one(messages: list[tuple[Any, bytes]]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for message, body in messages:
            send(ours, encoded(message), body=body)
        for message, body in messages:
            assert receive(theirs) == Received(message, [], bytearray(body))


@pytest.mark.parametrize("size", [0, 1, 65_536, 5 * MIB])
@pytest.mark.parametrize("body_size", [0, 5 * MIB])
def test_a_message_may_be_larger_than_the_sockets_buffer(
    pair: Pair, size: int, body_size: int
) -> None:
    message, body = (os.urandom(size), 1), os.urandom(body_size)
    with ThreadPoolExecutor(1) as other_side:
        sent = other_side.submit(send, pair[0], encoded(message), body=body)
        assert receive(pair[1]) == Received(message, [], bytearray(body))
        sent.result()


@pytest.mark.parametrize("count", [1, BATCH_DIRECTORIES, MAX_DESCRIPTORS])
def test_descriptors_arrive_in_order_as_descriptors_of_our_own(
    pair: Pair, tmp_path: Path, count: int
) -> None:
    names = [str(number) for number in range(count)]
    for name in names:
        (tmp_path / name).mkdir()
    theirs = [os.open(tmp_path / name, os.O_RDONLY) for name in names]
    send(pair[0], encoded("these"), theirs, b"body")
    for descriptor in theirs:
        os.close(descriptor)
    received = receive(pair[1])
    assert received
    message, ours, body = received
    assert (message, bytes(body)) == ("these", b"body")
    assert [Path(f"/proc/self/fd/{each}").readlink().name for each in ours] == names
    for descriptor in ours:
        os.close(descriptor)


def test_a_batch_has_no_more_directories_than_a_message_takes() -> None:
    assert BATCH_DIRECTORIES <= MAX_DESCRIPTORS


def is_gone(sender: socket.socket) -> None:
    """It ends before it sent anything."""


def dies_in_the_length(sender: socket.socket) -> None:
    sender.send(b"\x10\0\0")


def dies_before_the_message(sender: socket.socket) -> None:
    sender.send(lengths(1000, 0))


def dies_in_the_message(sender: socket.socket) -> None:
    sender.send(lengths(1000, 0) + b"half")


def dies_before_the_body(sender: socket.socket) -> None:
    message = encoded("whole")
    sender.send(lengths(len(message), 1000) + message)


def dies_in_the_body(sender: socket.socket) -> None:
    dies_before_the_body(sender)
    sender.send(b"half")


def lengths(message: int, body: int) -> bytes:
    return message.to_bytes(8, "little") + body.to_bytes(8, "little")


@pytest.mark.parametrize(
    "end",
    [
        is_gone,
        dies_in_the_length,
        dies_before_the_message,
        dies_in_the_message,
        dies_before_the_body,
        dies_in_the_body,
    ],
    ids=lambda end: end.__name__,
)
def test_nothing_is_received_from_a_side_that(
    pair: Pair, end: Callable[[socket.socket], None]
) -> None:
    with nothing_left_behind():
        end(pair[0])
        pair[0].shutdown(socket.SHUT_WR)
        assert receive(pair[1]) is None


def test_a_message_to_a_side_that_is_gone_is_an_error(pair: Pair) -> None:
    pair[1].close()
    with pytest.raises(OSError, match="Broken pipe"):
        send(pair[0], encoded("anybody there?"))
