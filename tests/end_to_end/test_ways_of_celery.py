"""What Celery's users do besides sending a message: priorities, remote control."""

from typing import Any

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import Hang
from worker.models.upload import UploadState


def make_run(running: Cluster, run_id: int) -> str:
    directory = running.results / f"RUN{run_id}"
    directory.mkdir()
    (directory / "out.csv").write_text("1,2\n")
    return str(directory)


def test_messages_come_in_the_brokers_order_of_their_priorities(running: Cluster) -> None:
    with running.producer as producer:
        for run_id, priority in ((4, 9), (5, 3), (6, 0)):
            producer.send_task(
                "tasks.package_and_upload",
                args=[12, run_id, make_run(running, run_id)],
                queue="uploads",
                priority=priority,
            )
    running.start_worker("--concurrency=1", ONEPREFIX_PUBLISH_GRACE_SECONDS="60")
    landed = {run_id: running.wait_for(12, run_id).landed_at for run_id in (4, 5, 6)}
    assert sorted(landed, key=lambda run_id: str(landed[run_id])) == [6, 5, 4]


def test_a_worker_answers_and_obeys_remote_control(running: Cluster) -> None:
    worker = running.start_worker(ONEPREFIX_REMOTE_CONTROL="all")
    running.strict.proxy.fault(lambda request: request.operation == "PutObject", Hang(60))
    with running.operator as operator:
        control: Any = operator.control
        [(name, answer)] = control.ping(timeout=5)[0].items()
        assert answer == {"ok": "pong"}
        inspect = control.inspect(timeout=5)
        queues = inspect.active_queues()[name]
        assert {each["name"] for each in queues} == {"uploads", "oneprefix.orders"}
        assert inspect.stats()[name]["pool"]["max-concurrency"] == 2
        path = make_run(running, 4)
        running.send(12, 4, path)
        running.wait_for(12, 4, UploadState.UPLOADING)
        [active] = eventually(lambda: inspect.active()[name], "the task is active")
        assert active["args"] == [12, 4, path]
        control.shutdown()
        running.strict.proxy.mend()
        assert worker.wait(timeout=60) == 0
    assert running.row(12, 4).state in (UploadState.RETRYING, UploadState.LANDED)  # type: ignore[union-attr]
