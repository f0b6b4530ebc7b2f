"""What is given to a connection has not arrived yet."""

import socket
import sys

import pytest

from worker.process.send_queue import unacknowledged

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SIOCOUTQ is Linux's")


def test_what_a_peer_has_no_room_for_is_on_its_way_until_it_reads() -> None:
    before = unacknowledged()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with socket.create_connection(listener.getsockname()) as sender:
            reader, _ = listener.accept()
            with reader:
                sender.setblocking(False)
                sent = sender.send(bytes(1 << 20))
                arrived = 256 << 10  # more than the reader's buffer takes
                assert before + sent - arrived <= unacknowledged() <= before + sent
                while sent:
                    sent -= len(reader.recv(1 << 20))
                assert unacknowledged() <= before
