"""Messages that a broker lost with its data, on a real Valkey and SQLite."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.servers.valkey import ValkeyServer

#: Has twelve requests, of which the messages of some are taken, loses some, and looks four times.
SCRIPT = """
import sys
from time import monotonic
from tasks import enqueue
from tasks.app import app
from tasks.messaging.broker import use_own_transport
from tasks.messaging.deliveries import MARK, KombuDeliveries
from tasks.messaging.publisher import CeleryPublisher
from tasks.services import services
from worker.use_cases.recovery.find_lost_messages import FindLostMessages
from worker.use_cases.recovery.republish import Republish

use_own_transport()
services().upgrade_schema()
using = services()
rows = using.outbox, using.follow_ups
find = FindLostMessages(lambda: using.installation_id, KombuDeliveries(app), rows, monotonic)
publisher = CeleryPublisher(app, lambda: using.installation_id)
republish = Republish(using.outbox, publisher, lambda: "new")
for run_id in range(1, 13):
    enqueue(12, run_id, f"/r/RUN{run_id}")
with app.connection() as connection, connection.channel() as channel:
    taken = [channel.basic_get("uploads") for _ in range(2)]
    told = [find(), republish()]
    client = channel.client
    client.lpop("uploads")
    client.lpop("uploads")
    client.hdel(channel.unacked_key, client.hkeys(channel.unacked_key)[0])
    client.rpush("uploads", "this is no message")
    told += [find(), republish()]  # nothing tells that some are gone
    client.set(MARK, f"another-run {using.installation_id}")
    told += [find(), republish(), find(), client.llen("uploads")]
    client.flushall()
    told += [find(), republish(), find(), client.llen("uploads")]
    channel.qos._delivered.clear()
print(*told)
"""


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    broker = ValkeyServer(tmp_path / "broker")
    broker.start()
    yield broker.url("admin")
    broker.stop()


def test_exactly_what_is_gone_is_published_again(broker_url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            "ONEPREFIX_BROKER_URL": broker_url,
            "ONEPREFIX_PUBLISH_GRACE_SECONDS": "0",
            "ONEPREFIX_DATA_DIR": str(tmp_path / "data"),
            "HOME": str(tmp_path),
        },
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert list(map(int, done.stdout.split())) == [
        *(0, 0),
        *(0, 0),
        *(3, 3, 0, 12 - 2 - 2 + 1 + 3),
        *(12, 12, 0, 12),
    ]
    with Redis.from_url(broker_url) as client:
        run_id: object = client.info("server")["run_id"]
        marked = client.get("oneprefix.mark")
        assert isinstance(marked, bytes)
        assert marked.decode().split()[0] == run_id
