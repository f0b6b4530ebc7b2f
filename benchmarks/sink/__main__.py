"""Serves until it is told to stop, a thread for each connection; prints its port first."""

import argparse
import contextlib
import socket
import threading

from benchmarks.output import say
from benchmarks.sink.connection import Connection, ConnectionEnded, Network
from benchmarks.sink.operations import Operations
from benchmarks.sink.store import Store

BACKLOG = 512


def main() -> None:
    options = _options()
    network = Network(options.rate * 1e6, options.delay / 1000)
    operations = Operations(Store(), hashing=options.verify_payload_hashes)
    with socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG) as server:
        say(server.getsockname()[1])
        while True:
            sock, _ = server.accept()
            threading.Thread(target=_serve, args=(sock, network, operations), daemon=True).start()


def _serve(sock: socket.socket, network: Network, operations: Operations) -> None:
    with sock, contextlib.suppress(ConnectionEnded, ConnectionResetError, BrokenPipeError):
        connection = Connection(sock, network)
        while True:
            head = connection.head()
            if "100-continue" in head.headers.get("expect", "").lower():
                connection.go_on()
            answer = operations.answer(connection, head)
            body = answer.body if head.method != "HEAD" else b""
            connection.answer(answer.status, answer.headers, body, length=answer.length)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sink", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--rate", type=float, default=0, help="MB/s of each connection; 0: all")
    parser.add_argument("--delay", type=float, default=0, help="ms that each answer waits")
    parser.add_argument(
        "--verify-payload-hashes",
        action="store_true",
        help="check x-amz-content-sha256 too; S3 does, but not on the cores of who is measured",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
