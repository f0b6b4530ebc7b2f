"""Nothing is lost, and nobody waits long, while the database or the broker is away."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import oneprefix
import pytest
from celery import Celery, current_app
from oneprefix import enqueue, enqueue_many, status
from oneprefix.database import engine_of
from oneprefix.messages import QUEUE

from tests.end_to_end.cluster import Cluster, cluster
from tests.servers.postgres import PostgresServer
from tests.servers.strict_bucket import Strict
from tests.servers.wire import Wire
from worker.database.engine import make_engine
from worker.database.schema import upgrade_schema
from worker.embedded.broker import EmbeddedBroker

#: Seconds, generously, for what takes less than one on a quiet machine.
SOON = 3.0
REFUSING = "127.0.0.1:1"


@pytest.mark.parametrize("away", ["refuses", "is silent"])
def test_while_the_database_is_away_a_file_has_the_request(
    tmp_path: Path, silent: str, away: str
) -> None:
    url = f"postgresql://ada:secret@{silent if away == 'is silent' else REFUSING}/jobs"
    begun = time.monotonic()
    asked = enqueue(12, 4, "/r/RUN4", database=url, spool=tmp_path)
    assert time.monotonic() - begun < SOON
    assert (asked.state, asked.is_spooled) == ("REQUESTED", True)
    [file] = tmp_path.iterdir()
    assert file.suffix == ".json"
    assert "secret" not in file.read_text()
    many = enqueue_many(12, {4: "/r/RUN4", 5: "/r/RUN5"}, database=url, spool=tmp_path)
    assert all(each.is_spooled for each in many.uploads.values())
    assert len(list(tmp_path.iterdir())) == 2


def test_without_a_spool_the_outage_is_told_in_time(silent: str) -> None:
    for host in (REFUSING, silent):
        begun = time.monotonic()
        with pytest.raises(oneprefix.DatabaseUnavailable) as caught:
            enqueue(12, 4, "/r", database=f"postgresql://ada:secret@{host}/jobs", timeout=0.5)
        assert time.monotonic() - begun < SOON
        assert "secret" not in str(caught.value)


def test_connections_that_went_silent_are_not_used_again(postgres: PostgresServer) -> None:
    direct = postgres.new_database()
    engine = make_engine(direct)
    upgrade_schema(engine)
    engine.dispose()
    with Wire(postgres.connect) as wire:
        url = postgres.wired(direct, wire.port)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: status(12, database=url), range(8)))
        wire.silence()
        with pytest.raises(oneprefix.DatabaseUnavailable, match="no answer within"):
            enqueue(12, 4, "/r", database=url, timeout=1)
        for run_id in (5, 6, 7):
            assert enqueue(12, run_id, "/r", database=url, timeout=5).state == "REQUESTED"
        engine_of(url).dispose()


def test_a_spool_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(oneprefix.DatabaseUnavailable, match="nor could a file be written"):
        enqueue(12, 4, "/r", database=f"postgresql://{REFUSING}/jobs", spool=tmp_path / "nowhere")


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@pytest.mark.parametrize("away", ["refuses", "is silent"])
def test_a_broker_that_is_away_is_no_error(url: str, silent: str, scheme: str, away: str) -> None:
    broker = f"{scheme}://:secret@{silent if away == 'is silent' else REFUSING}/"
    enqueue(12, 4, "/r/RUN4", database=url, broker_url=broker)  # imports Celery
    begun = time.monotonic()
    assert enqueue(12, 5, "/r/RUN5", database=url, broker_url=broker).state == "REQUESTED"
    assert time.monotonic() - begun < SOON
    assert len(status(12, database=url)) == 2


def test_a_program_ends_at_once_although_a_server_is_silent(tmp_path: Path, silent: str) -> None:
    script = (
        "import sys; from oneprefix import enqueue;"
        "print(enqueue(12, 4, '/r', database=sys.argv[1], spool=sys.argv[2]).is_spooled)"
    )
    command = [sys.executable, "-c", script, f"postgresql://{silent}/jobs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0)


def test_a_message_is_sent_and_noted_and_the_programs_own_celery_stays_as_it_is(
    url: str, tmp_path: Path
) -> None:
    theirs = Celery("theirs", broker="memory://")
    theirs.set_default()
    broker = EmbeddedBroker(tmp_path / "broker")
    try:
        broker_url = broker.start()
        enqueue(12, 4, "/r/RUN4", database=url, broker_url=broker_url)
        enqueue_many(12, {5: "/r/RUN5", 6: "/r/RUN6"}, database=url, broker_url=broker_url)
        enqueue(12, 7, "/r/RUN7", database=url, broker_url=broker_url, countdown=60)
        assert current_app.main == "theirs"
        with Celery(broker=broker_url, set_as_current=False) as app, app.connection() as connection:
            queue = connection.SimpleQueue(QUEUE)
            arguments = [queue.get(timeout=5).payload[0] for _ in range(3)]
            assert arguments == [[12, run, f"/r/RUN{run}"] for run in (4, 5, 6)]
            with pytest.raises(queue.Empty):
                queue.get(timeout=0.2)
    finally:
        broker.stop()


def test_a_worker_takes_up_what_was_left_in_files(
    tmp_path: Path, strict: Strict, postgres: PostgresServer
) -> None:
    with cluster(tmp_path, strict, postgres.new_database()) as running:
        spool = tmp_path / "spool"
        spool.mkdir()
        left = enqueue(12, 4, _run(running, 4), database="postgresql://127.0.0.1:1/x", spool=spool)
        assert left.is_spooled
        running.start_worker(ONEPREFIX_SPOOL=str(spool))
        enqueue(
            12,
            5,
            _run(running, 5),
            database=running.producers_database_url,
            broker_url=running.producers_broker_url,
        )
        running.wait_for(12, 4)
        landed = oneprefix.wait(12, 5, timeout=60, database=running.producers_database_url)
        assert landed.results_url
        assert list(spool.iterdir()) == []
        engine_of(running.producers_database_url).dispose()


def _run(running: Cluster, run_id: int) -> str:
    directory = running.results / f"RUN{run_id}"
    directory.mkdir()
    (directory / "out.csv").write_text("1,2\n")
    return str(directory)
