"""Orders about whole jobs are never given twice, and no upload waits for one."""

import os
import signal
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import TaskRevokedError

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import AnswerError, Hang, S3Request
from worker.database.orders import SqlOrders
from worker.models.order import Order, OrderState

FOLDER = "jobs/12/2025/10/23/211500/"

thorough = pytest.mark.thorough("starts several workers, and waits for them")


@pytest.fixture
def settings() -> dict[str, str]:
    return {"ONEPREFIX_ORDERS_BY_MESSAGE": "true"}


def orders(running: Cluster) -> SqlOrders:
    return SqlOrders(running.engine, republish=300)


def send(running: Cluster, kind: str, *arguments: Any, queue: str = "", **options: Any) -> str:
    with running.operator as operator:
        sent = operator.send_task(
            f"tasks.{kind}_job", arguments, queue=queue or "oneprefix.orders", **options
        )
        return str(sent.id)


def is_in(running: Cluster, order_id: str, *states: OrderState) -> Order:
    def found() -> Order | None:
        order = orders(running).find(order_id)
        return order if order and order.state in states else None

    found_order = eventually(found, f"order {order_id} is {states}")
    assert isinstance(found_order, Order)
    return found_order


def put(running: Cluster, *names: str) -> None:
    for name in names:
        client = running.strict.upstream
        client.put_object(Bucket=running.strict.bucket, Key=FOLDER + name, Body=b"old")


def stored(running: Cluster) -> set[str]:
    listed = running.strict.upstream.list_objects_v2(Bucket=running.strict.bucket)
    return {each["Key"].removeprefix(FOLDER) for each in listed.get("Contents", [])}


def is_deletion(request: S3Request) -> bool:
    return request.operation == "DeleteObjects"


def processes_of(module: str) -> list[int]:
    """The ids of this machine's processes that run the module."""
    command = ["pgrep", "-f", "--", f"-m {module} "]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [int(line) for line in told.split()]


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *descendants(child))]


def kill_all(running: Cluster, number: int = 0) -> None:
    """Kill a worker and all its processes at once, as the loss of its host does."""
    worker = running.workers[number]
    for pid in (worker.pid, *descendants(worker.pid)):
        os.kill(pid, signal.SIGKILL)
    worker.wait()


def make_run(running: Cluster, run_id: int) -> str:
    directory = running.results / f"RUN{run_id}"
    directory.mkdir()
    (directory / "out.csv").write_text("1,2\n")
    return str(directory)


def test_a_deletion_that_is_taken_up_again_touches_nothing_younger(running: Cluster) -> None:
    running.start_worker()
    running.send(12, 4, make_run(running, 4))
    running.wait_for(12, 4)
    put(running, "run_6_config.json")
    running.strict.proxy.fault(is_deletion, AnswerError(503, "SlowDown"))
    order_id = send(running, "delete", 12, "12", "ada")
    eventually(lambda: running.scalar("SELECT count(*) FROM deletions"), "it deletes")
    kill_all(running)
    time.sleep(2.1)  # S3 tells the times of objects in seconds
    put(running, "run_6_logs.log")
    running.enqueue(12, 5, make_run(running, 5))
    running.strict.proxy.mend()

    running.start_worker()
    done = is_in(running, order_id, OrderState.DONE)
    running.wait_for(12, 5)
    assert stored(running) == {"run_6_logs.log", "run_5_results.zip"}
    assert (done.attempt, done.result) == (2, {"deleted": 2})
    assert running.scalar("SELECT count(*) FROM deletions") == 1
    assert running.scalar("SELECT finished_at FROM deletions") is not None
    assert running.scalar("SELECT order_id FROM deletions") == order_id
    assert running.scalar("SELECT results_url FROM runs WHERE id = 4") is None

    eventually(lambda: f"{order_id}] succeeded" in running.log(1), "its end is told")
    send(running, "delete", 12, "12", "ada", task_id=order_id)  # as a broker delivers it again
    eventually(lambda: running.log(1).count(f"{order_id}] received") == 2, "it comes again")
    time.sleep(1)
    assert running.log(1).count(f"{order_id}] succeeded") == 1
    assert stored(running) == {"run_6_logs.log", "run_5_results.zip"}


def test_no_upload_waits_for_an_order_even_with_one_process(running: Cluster) -> None:
    running.start_worker("--concurrency=1")
    put(running, "job_config.json")
    running.strict.proxy.fault(is_deletion, Hang(60))
    waiting = [send(running, "delete", 12, "12", "ada", queue="uploads")]
    waiting += [send(running, "delete", 12, "12", "ada") for _ in range(5)]
    is_in(running, waiting[0], OrderState.RUNNING)
    running.send(12, 4, make_run(running, 4))
    running.wait_for(12, 4)
    running.strict.proxy.mend()
    for order_id in waiting:
        is_in(running, order_id, OrderState.DONE)


@thorough
def test_the_process_that_carries_orders_out_may_die(running: Cluster) -> None:
    worker = running.start_worker()
    put(running, "job_config.json")
    asked = threading.Event()

    def is_first(request: S3Request) -> bool:
        if is_deletion(request):
            asked.set()
        return is_deletion(request)

    running.strict.proxy.fault(is_first, Hang(60), times=1)
    order_id = send(running, "delete", 12, "12", "ada")
    eventually(asked.is_set, "it deletes")
    [process] = set(processes_of("tasks.orders")) & set(descendants(worker.pid))
    os.kill(process, signal.SIGKILL)
    killed_at = time.monotonic()
    assert is_in(running, order_id, OrderState.DONE).attempt == 2
    assert time.monotonic() - killed_at < 15
    eventually(lambda: f"{order_id}] succeeded" in running.log(), "it is told")


@thorough
def test_a_stopped_worker_hands_its_orders_back(running: Cluster) -> None:
    worker = running.start_worker()
    put(running, *(f"run_{number}_logs.log" for number in range(1, 80)))
    running.strict.proxy.fault(lambda request: request.operation == "CopyObject", Hang(1))
    order_id = send(running, "archive", 12)
    done_of_it = f"SELECT done FROM job_orders WHERE id = '{order_id}'"
    eventually(lambda: running.scalar(done_of_it), "some are archived")
    worker.terminate()
    assert worker.wait(timeout=30) == 0
    left = is_in(running, order_id, OrderState.RETRYING)
    assert (left.attempt, left.error) == (0, "handed back by a worker that stops")
    running.strict.proxy.mend()
    running.start_worker()
    done = is_in(running, order_id, OrderState.DONE)
    assert done.attempt == 1
    assert done.result
    assert sum(done.result.values()) == 79


@thorough
def test_an_order_that_s3_fails_for_now_is_tried_again(running: Cluster) -> None:
    running.start_worker()
    put(running, "job_config.json")
    running.strict.proxy.fault(
        lambda request: request.operation.startswith("ListObject"),
        AnswerError(503, "SlowDown"),
        times=8,
    )
    order_id = send(running, "migrate", 12)
    assert is_in(running, order_id, OrderState.DONE).attempt > 1


@thorough
def test_an_order_is_given_for_the_time_that_its_message_says(running: Cluster) -> None:
    put(running, "job_config.json")
    time.sleep(1.1)
    given_at = datetime.now(UTC)
    time.sleep(2.1)
    put(running, "run_4_logs.log")
    running.start_worker()
    send(running, "delete", 12, "12", "ada", headers={"given_at": given_at.isoformat()})
    eventually(lambda: stored(running) == {"run_4_logs.log"}, "the older one is deleted")
    send(running, "archive", 12, eta=datetime.now(UTC) + timedelta(seconds=3))
    time.sleep(1.5)
    put(running, "run_5_logs.log")
    eventually(lambda: running.scalar("SELECT result FROM job_orders WHERE kind = 'archive'"), "it")
    classes = {"now in GLACIER": 2}
    assert orders(running).latest(12)[0].result == classes


def test_results_and_revocation(running: Cluster) -> None:
    backend = running.broker_url
    worker = running.start_worker(ONEPREFIX_RESULT_BACKEND=backend)
    put(running, "job_config.json")
    with Celery(broker=running.broker_url, backend=backend, set_as_current=False) as asking:
        queue = "oneprefix.orders"
        archived = asking.send_task("tasks.archive_job", [12], queue=queue)
        assert archived.get(timeout=60) == {"now in GLACIER": 1}
        wrong = asking.send_task("tasks.archive_job", [12, "COLD"], queue=queue)
        with pytest.raises(Exception, match="'COLD' is not a valid StorageClass"):
            wrong.get(timeout=60)
        assert wrong.status == "FAILURE"

        running.strict.proxy.fault(is_deletion, Hang(60))
        revoked = asking.send_task("tasks.delete_job", [12, "12", "ada"], queue=queue)
        is_in(running, revoked.id, OrderState.RUNNING)
        revoked.revoke(terminate=True)
        cancelled = is_in(running, revoked.id, OrderState.CANCELLED)
        assert cancelled.error == "cancelled by a revoke through Celery"
        running.strict.proxy.mend()
        with pytest.raises(TaskRevokedError):
            revoked.get(timeout=60)
    assert worker.poll() is None


@thorough
def test_a_message_whose_worker_died_before_it_began_is_kept(running: Cluster) -> None:
    """It is in the broker's hash of what was taken, where nobody looks for a day."""
    put(running, "job_config.json")
    order_id = send(running, "delete", 12, "12", "ada")
    as_worker = Celery(broker=running.broker_url, set_as_current=False)
    with as_worker, as_worker.connection() as connection:
        channel: Any = connection.channel()
        assert channel.basic_get("oneprefix.orders")  # and never acknowledged
        running.start_worker()
        is_in(running, order_id, OrderState.DONE)
        assert stored(running) == set()
        channel.qos._delivered.clear()  # or the closed channel would give the message back


@thorough
def test_a_worker_of_uploads_alone_carries_out_no_order(running: Cluster) -> None:
    worker = running.start_worker("-Q", "uploads")
    put(running, "job_config.json")
    order_id = send(running, "delete", 12, "12", "ada", queue="uploads")
    is_in(running, order_id, OrderState.REQUESTED)
    time.sleep(2)
    assert running.scalar("SELECT state FROM job_orders") == "REQUESTED"
    assert not set(processes_of("tasks.orders")) & set(descendants(worker.pid))
    running.start_worker("-Q", "oneprefix.orders")
    is_in(running, order_id, OrderState.DONE)
