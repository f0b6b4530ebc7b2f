"""The port answers scrapes, and nobody who connects to it holds anything up for long."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from threading import Thread

import pytest

from worker.metrics import server as module
from worker.metrics.exposition import Exposition
from worker.metrics.server import CONNECTIONS, MetricsServer, serve

ANSWER = Exposition(b"oneprefix_x 1\n", "text/plain; version=0.0.4; charset=utf-8")


@pytest.fixture
def port() -> Iterator[int]:
    with MetricsServer("127.0.0.1", 0, lambda: ANSWER) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def get(port: int, path: str, method: str = "GET") -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def answered(port: int) -> bytes | None:
    """The answer, once there is one."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(OSError):
            return get(port, "/metrics")[1]
        time.sleep(0.05)
    return None


def test_metrics_are_answered_as_prometheus_expects(port: int) -> None:
    answer, body = get(port, "/metrics?name[]=x")
    assert (answer.status, body) == (200, ANSWER.body)
    assert answer.headers["Content-Type"] == ANSWER.content_type
    assert "Python" not in answer.headers["Server"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/metrics", 501)]
)
def test_nothing_else_is(port: int, method: str, path: str, status: int) -> None:
    assert get(port, path, method)[0].status == status


def test_who_connects_and_says_nothing_keeps_others_out_for_seconds_at_most(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 0.3)
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * CONNECTIONS)]
    assert answered(port) == ANSWER.body
    for each in silent:
        each.close()


def test_an_answer_that_fails_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Exposition:
        raise ValueError("no such column")

    with MetricsServer("127.0.0.1", 0, fail) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        assert get(server.server_port, "/metrics")[0].status == 500
        server.shutdown()
    assert "no such column" in caplog.text


def test_a_taken_port_is_warned_of_once_and_served_once_it_is_free(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serve("127.0.0.1", port, lambda: ANSWER)
        time.sleep(0.5)
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert answered(port) == ANSWER.body


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "256.1.1.1"])
def test_a_host_that_is_none_is_warned_of_once(
    host: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = []

    def pause(_seconds: float) -> None:
        tried.append(host)
        if len(tried) > 2:
            raise SystemExit  # which ends the thread

    monkeypatch.setattr(module, "sleep", pause)
    with pytest.raises(SystemExit):
        module._serve(host, 9, lambda: ANSWER)
    assert [each.levelname for each in caplog.records] == ["WARNING"]


def test_it_listens_on_ipv6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with MetricsServer("::1", 0, lambda: ANSWER) as server:
            assert server.server_address[0] == "::1"
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
