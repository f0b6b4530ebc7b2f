"""Orders beside requests that are younger than they, and messages that expired."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

import tasks.revoked
from tasks.app import app
from tasks.messaging.publisher import CeleryPublisher
from tests.servers.faults import Hang
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation
from worker.models.order import OrderMessage
from worker.models.upload import UploadState
from worker.models.upload_request import UploadRequest
from worker.use_cases.recovery.answer_orders import AnswerOrders

pytestmark = only_moto


def stored(installed: Installation) -> set[str]:
    listed = installed.strict.upstream.list_objects_v2(Bucket=installed.strict.bucket)
    return {each["Key"] for each in listed.get("Contents", [])}


def row(installed: Installation, run: int) -> Any:
    query = text(
        "SELECT u.*, r.results_url AS run_url FROM uploads u JOIN runs r ON r.id = u.run_id"
        " WHERE u.run_id = :run"
    )
    with installed.services.engine.begin() as connection:
        return connection.execute(query, {"run": run}).mappings().one()


def give(installed: Installation, kind: str, *arguments: Any) -> str:
    return installed.services.give_order(
        OrderMessage(f"o-{kind}", kind, arguments, {}), own=True
    ).id


def make_listings_slow(installed: Installation) -> None:
    installed.strict.proxy.fault(lambda each: each.operation == "ListObjectsV2", Hang(6))


def test_a_delete_order_keeps_what_landed_after_it_while_s3_was_slow(
    installed: Installation,
) -> None:
    installed.land(4)
    time.sleep(2.1)  # S3 tells the times of objects in whole seconds
    order = give(installed, "delete", 12, "12", "ada")
    make_listings_slow(installed)
    working = threading.Thread(target=installed.services.carry_out_order, args=(order,))
    working.start()
    time.sleep(3)
    key = installed.land(5)
    working.join()
    assert key in stored(installed)
    assert row(installed, 5)["results_url"]


def test_a_restore_order_leaves_out_what_came_while_it_listed(installed: Installation) -> None:
    make_listings_slow(installed)
    found: list[Any] = []
    restore, since = installed.services.restore_job(), time.monotonic()
    working = threading.Thread(target=lambda: found.extend(restore.plan(12, since=since)))
    working.start()
    time.sleep(3)
    installed.put_key(installed.prefix.folder + "new", b"x")
    working.join()
    assert not found


def test_deleted_results_leave_no_location_if_a_younger_replacement_fails(
    installed: Installation,
) -> None:
    key, services = installed.land(4), installed.services
    time.sleep(2.1)
    order = give(installed, "delete", 12, "12", "ada")
    time.sleep(0.05)
    path = str(installed.results / "RUN4")
    younger = UploadRequest(12, 4, path, replace=True, task_id="new")
    services.requests.request(younger, published=True)
    services.carry_out_order(order)
    assert key not in stored(installed)
    claimed = services.uploads.claim(12, 4, owner="w", lease=60)
    assert claimed
    services.uploads.fail(claimed, error="no run directory", traceback="")
    told = row(installed, 4)
    assert (told["results_url"], told["run_url"]) == (None, None)


@pytest.mark.parametrize("state", [UploadState.UPLOADING, UploadState.LANDED])
def test_an_expired_message_that_comes_again_cancels_and_answers_nothing(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, state: UploadState
) -> None:
    services, path = installed.services, str(installed.results / "RUN4")
    expires = datetime.now(UTC) + timedelta(seconds=0.3)
    asked = UploadRequest(12, 4, path, task_id="m1", expires=expires, follow_up="{}")
    services.requests.request(asked, published=True)
    claimed = services.uploads.claim(12, 4, owner="w@h.1", lease=60)
    assert claimed
    time.sleep(0.5)
    if state is UploadState.LANDED:
        services.uploads.land(claimed, results_url="https://x/y")
    monkeypatch.setattr(tasks.revoked, "services", lambda: services)
    tasks.revoked.main({"m1": discarded(path, expires)})
    assert row(installed, 4)["state"] == state
    assert answered_at(installed) is None


def test_an_expired_message_that_no_attempt_began_ends_cancelled(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, path = installed.services, str(installed.results / "RUN4")
    expires = datetime.now(UTC) - timedelta(seconds=1)
    asked = UploadRequest(12, 4, path, task_id="m1", expires=expires, follow_up="{}")
    services.requests.request(asked, published=True)
    monkeypatch.setattr(tasks.revoked, "services", lambda: services)
    tasks.revoked.main({"m1": discarded(path, expires)})
    assert row(installed, 4)["state"] == UploadState.CANCELLED
    assert answered_at(installed)


def discarded(path: str, expires: datetime) -> dict[str, Any]:
    return {
        "expired": True,
        "task": "tasks.package_and_upload",
        "arguments": [12, 4, path],
        "keywords": {},
        "eta": None,
        "expires": expires.isoformat(),
    }


def answered_at(installed: Installation) -> Any:
    with installed.services.engine.begin() as connection:
        return connection.scalar(text("SELECT answered_at FROM follow_ups WHERE task_id = 'm1'"))


def test_a_refused_order_with_long_arguments_is_answered(installed: Installation) -> None:
    order = give(installed, "delete", 12, "13", "x" * 6000)
    published: list[str] = []

    class Publisher(CeleryPublisher):
        def _sent(self, what: str, name: str, **options: Any) -> bool:
            published.append(options["task_id"])
            return True

    AnswerOrders(installed.services.orders, Publisher(app))()
    assert published == [order]
