"""What strangers' messages bring into a worker's log."""

from tests.end_to_end.cluster import Cluster, eventually
from tests.whole_job.test_hostile_text import HOSTILE, hostile_characters
from worker.models.upload import UploadState


def test_a_workers_log_holds_nothing_that_a_terminal_obeys(running: Cluster) -> None:
    running.start_worker("--loglevel=DEBUG")
    running.send(12, 4, f"/etc/{HOSTILE}")
    running.wait_for(12, 4, UploadState.FAILED)
    running.send(HOSTILE, 4, "/etc")
    with running.operator as operator:
        operator.send_task(f"no.{HOSTILE}", queue="uploads", task_id=HOSTILE)
        operator.send_task(f"tasks.verify{HOSTILE}", args=[HOSTILE], queue="oneprefix.orders")
    eventually(lambda: running.log().count("forged") > 3, "the messages were refused")
    log = running.log()
    assert not hostile_characters(log)
    assert "\noneprefix: forged" not in log
