import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
from redis import Redis

from worker.embedded.broker import EmbeddedBroker, known_url
from worker.errors import InvalidSettings


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    embedded = EmbeddedBroker(tmp_path / "broker")
    yield embedded
    embedded.stop()


def test_it_answers_at_the_url_that_others_find(broker: EmbeddedBroker, tmp_path: Path) -> None:
    assert known_url(tmp_path / "broker") is None
    url = broker.start()
    assert known_url(tmp_path / "broker") == url
    with kombu.Connection(url) as connection:
        channel: Any = connection.channel()
        assert channel.client.ping()


def client_of(broker: EmbeddedBroker) -> Redis:
    return Redis(unix_socket_path=str(broker._directory / "socket"))


def test_it_keeps_what_was_queued(broker: EmbeddedBroker) -> None:
    url = broker.start()
    with client_of(broker) as client:
        client.lpush("uploads", "message")
        time.sleep(1.1)  # it writes to disk every second
    assert broker._process
    broker._process.kill()
    broker._process.wait()
    assert not broker.is_running
    assert broker.start() == url
    with client_of(broker) as client:
        assert client.lrange("uploads", 0, -1) == [b"message"]


def test_it_has_the_decided_settings(broker: EmbeddedBroker) -> None:
    broker.start()
    with client_of(broker) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_nobody_else_gets_in_or_takes_its_place(broker: EmbeddedBroker, tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir(mode=0o755)
    broker.start()
    assert broker._process
    with client_of(broker) as client:
        assert client.config_get("port") == {"port": "0"}
    assert (tmp_path / "broker").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "broker" / "socket").stat().st_mode & 0o777 == 0o600
    listening = subprocess.run(
        ["ss", "-Hltnp"], capture_output=True, text=True, check=True
    ).stdout  # no port, on any interface
    assert f"pid={broker._process.pid}," not in listening


@pytest.mark.parametrize("name", ["a b", 'a"b\\c', "a#%41?é"])
def test_its_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    broker = EmbeddedBroker(tmp_path / name)
    url = broker.start()
    with kombu.Connection(url) as connection:
        channel: Any = connection.channel()
        assert channel.client.ping()
    broker.stop()
    assert known_url(tmp_path / name) == url


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidSettings, match=r"ONEPREFIX_DATA_DIR: .*/socket is longer than the 103"
    ):
        EmbeddedBroker(tmp_path / ("x" * 100)).start()


def test_a_second_one_for_the_same_directory_is_refused(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    broker.start()
    with pytest.raises(InvalidSettings, match="another broker serves"):
        EmbeddedBroker(tmp_path / "broker").start()


def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; "
        "from worker.embedded.broker import EmbeddedBroker; "
        "broker = EmbeddedBroker(Path(sys.argv[1])); broker.start(); "
        "print(broker._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "broker")], stdout=subprocess.PIPE
    )
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and _state(pid) != "Z":
        assert time.monotonic() < deadline, "the broker outlived its parent"
        time.sleep(0.05)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "Z"


def test_a_server_that_can_not_start_says_where_to_look(tmp_path: Path) -> None:
    directory = tmp_path / "broker"
    directory.mkdir()
    (directory / "appendonlydir").write_text("not a directory")
    with pytest.raises(InvalidSettings, match=r"valkey\.log"):
        EmbeddedBroker(directory).start()
