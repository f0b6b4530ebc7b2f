import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

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
    with Redis.from_url(url) as client:
        assert client.ping()


def test_it_keeps_what_was_queued_its_port_and_its_password(broker: EmbeddedBroker) -> None:
    url = broker.start()
    with Redis.from_url(url) as client:
        client.lpush("uploads", "message")
        time.sleep(1.1)  # it writes to disk every second
    assert broker._process
    broker._process.kill()
    broker._process.wait()
    assert not broker.is_running
    assert broker.start() == url
    with Redis.from_url(url) as client:
        assert client.lrange("uploads", 0, -1) == [b"message"]


def test_it_has_the_decided_settings(broker: EmbeddedBroker) -> None:
    with Redis.from_url(broker.start()) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_nobody_gets_in_without_the_password(broker: EmbeddedBroker, tmp_path: Path) -> None:
    url = broker.start()
    with (
        Redis.from_url("redis://" + url.split("@")[1]) as client,
        pytest.raises(AuthenticationError),
    ):
        client.ping()
    assert (tmp_path / "broker").stat().st_mode & 0o777 == 0o700
    for name in ("url", "valkey.conf"):
        assert (tmp_path / "broker" / name).stat().st_mode & 0o777 == 0o600


def test_a_second_one_for_the_same_directory_is_refused(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    broker.start()
    with pytest.raises(InvalidSettings, match="another broker serves"):
        EmbeddedBroker(tmp_path / "broker").start()


def test_a_taken_port_is_changed(broker: EmbeddedBroker, tmp_path: Path) -> None:
    other = EmbeddedBroker(tmp_path / "other")
    taken = other.start()
    (tmp_path / "broker").mkdir(mode=0o700)
    (tmp_path / "broker" / "url").write_text(taken.replace("redis://:", "redis://:not-"))
    assert broker.start() != taken
    other.stop()


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
