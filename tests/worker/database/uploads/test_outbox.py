"""Which uploads need a message, in the fake and on each database; and races on the databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from tests.worker.database.conftest import Store
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.follow_ups import SqlFollowUps
from worker.database.uploads.outbox import SqlOutbox
from worker.database.uploads.requests import SqlRequestRepository
from worker.models.upload import Upload
from worker.models.upload_request import UploadRequest
from worker.use_cases.recovery.ports import Outbox

REQUEST = UploadRequest(12, 4, "/r/RUN4", task_id="first")


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return store.outbox(0, 300)


def claim(store: Store, lease: float) -> Upload:
    claimed = store.uploads.claim(12, 4, owner="me", lease=lease)
    assert claimed
    return claimed


def test_a_row_that_nobody_published_is_due(store: Store, outbox: Outbox) -> None:
    store.requests.request(REQUEST, published=False)
    [row] = outbox.due()
    assert outbox.take(row, task_id="unused") == (REQUEST, False, 0)


def test_a_new_row_is_left_to_its_producer_for_a_while(store: Store) -> None:
    store.requests.request(REQUEST, published=False)
    assert store.outbox(60, 300).due() == []


def test_a_row_without_a_message_of_its_own_gets_one_with_an_id_of_ours(
    store: Store, outbox: Outbox
) -> None:
    store.requests.request(replace(REQUEST, task_id=None), published=False)
    [row] = outbox.due()
    assert outbox.take(row, task_id="ours") == (replace(REQUEST, task_id="ours"), False, 0)


def test_each_row_goes_with_what_its_own_message_wants_to_follow(engine: Engine) -> None:
    outbox, requests = SqlOutbox(engine, 0, 300), SqlRequestRepository(engine)
    wanted = replace(REQUEST, follow_up='{"link": []}')
    other = UploadRequest(12, 5, "/r/RUN5", task_id="second")
    for request in (wanted, other):
        requests.request(request, published=False)
    taken = [outbox.take(row, task_id="unused") for row in outbox.due()]
    assert [each and each.request for each in taken] == [wanted, other]


def test_what_follows_is_published_with_the_path_of_its_own_upload(engine: Engine) -> None:
    requests, uploads = SqlRequestRepository(engine), SqlUploadRepository(engine)
    for run_id, follow_up in ((4, None), (5, '{"link": []}')):
        asked = UploadRequest(
            12, run_id, f"/r/RUN{run_id}", task_id=f"id{run_id}", follow_up=follow_up
        )
        requests.request(asked, published=True)
        held = uploads.claim(12, run_id, owner="me", lease=60)
        assert held
        uploads.fail(held, error="no", traceback="")
    follow_ups = SqlFollowUps(engine, grace=-1, republish=300)
    assert follow_ups.due() == ["id5"]
    again = follow_ups.take("id5")
    assert again
    assert (again.run_id, again.path, again.follow_up) == (5, "/r/RUN5", '{"link": []}')


def test_a_published_row_is_not_due_until_its_message_counts_as_lost(
    store: Store, outbox: Outbox
) -> None:
    store.requests.mark_published(store.requests.request(REQUEST, published=False))
    assert outbox.due() == []
    assert len(store.outbox(0, -1).due()) == 1


def test_a_row_taken_once_is_not_due_again(store: Store, outbox: Outbox) -> None:
    store.requests.request(REQUEST, published=False)
    [row] = outbox.due()
    assert outbox.take(row, task_id="x")
    assert outbox.take(row, task_id="x") is None
    assert outbox.due() == []


def test_a_message_that_was_taken_and_led_to_nothing_makes_its_row_due(
    store: Store, outbox: Outbox
) -> None:
    store.requests.request(REQUEST, published=True)
    assert outbox.due() == []
    assert not outbox.mark_due_if_stuck(replace(REQUEST, task_id="another"), since=0)
    # a newer message has been published since
    assert not outbox.mark_due_if_stuck(REQUEST, since=60)
    assert outbox.mark_due_if_stuck(REQUEST, since=0)
    [row] = outbox.due()
    assert outbox.take(row, task_id="unused") == (REQUEST, False, 0)
    assert not outbox.mark_due_if_stuck(REQUEST, since=1)


def test_a_message_that_somebody_works_on_is_not_stuck_unless_the_lease_ran_out(
    store: Store, outbox: Outbox
) -> None:
    store.requests.request(REQUEST, published=True)
    claimed = claim(store, lease=60)
    assert not outbox.mark_due_if_stuck(REQUEST, since=0)
    store.uploads.renew(claimed, lease=-1, bytes_done=0)
    [row] = outbox.due()
    assert outbox.take(row, task_id="unused")
    assert outbox.due() == []
    assert outbox.mark_due_if_stuck(REQUEST, since=0)
    assert outbox.due() == [row]


def test_a_row_given_back_is_due_again(store: Store, outbox: Outbox) -> None:
    store.requests.request(REQUEST, published=False)
    [row] = outbox.due()
    outbox.take(row, task_id="x")
    outbox.give_back(row)
    assert outbox.due() == [row]


@pytest.mark.parametrize(("lease", "due"), [(-1, 1), (60, 0)], ids=["run out", "held"])
def test_an_upload_is_due_once_its_lease_ran_out(
    store: Store, outbox: Outbox, lease: float, due: int
) -> None:
    store.requests.request(REQUEST, published=True)
    claim(store, lease)
    assert len(outbox.due()) == due


def test_what_was_begun_is_told_from_what_waits(store: Store, outbox: Outbox) -> None:
    store.requests.request(REQUEST, published=True)
    claim(store, lease=-1)
    [row] = outbox.due()
    assert outbox.take(row, task_id="unused") == (REQUEST, True, 1)


@pytest.mark.parametrize(("delay", "due"), [(0, 1), (60, 0)])
def test_a_retry_is_due_after_its_delay(
    store: Store, outbox: Outbox, delay: float, due: int
) -> None:
    store.requests.request(REQUEST, published=True)
    store.uploads.retry(claim(store, 60), error="S3 is away", delay=delay, traceback="")
    assert len(outbox.due()) == due


def test_what_is_over_is_never_due(store: Store) -> None:
    store.requests.request(REQUEST, published=False)
    store.uploads.fail(claim(store, lease=-1), error="no such job", traceback="")
    assert store.outbox(-1, -1).due() == []


def test_a_row_by_plain_sql_gets_a_message_with_an_id_of_ours(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, '/r/RUN4')")
        )
    outbox = SqlOutbox(engine, grace=-1, republish=300)
    [row] = outbox.due()
    assert outbox.take(row, task_id="ours") == (replace(REQUEST, task_id="ours"), False, 0)


def test_many_recoveries_publish_each_row_once(engine: Engine) -> None:
    requests, outbox = SqlRequestRepository(engine), SqlOutbox(engine, grace=0, republish=300)
    for run_id in range(1, 21):
        requests.request(UploadRequest(12, run_id, "/r", task_id=str(run_id)), published=False)

    def look(_: int) -> list[int]:
        taken = [outbox.take(row, task_id="x") for row in outbox.due()]
        return [due.request.run_id for due in taken if due]

    with ThreadPoolExecutor(5) as recoveries:
        published = [run_id for found in recoveries.map(look, range(5)) for run_id in found]
    assert sorted(published) == list(range(1, 21))


def test_of_many_workers_one_gets_the_upload(engine: Engine) -> None:
    uploads = SqlUploadRepository(engine)
    SqlRequestRepository(engine).request(REQUEST, published=True)
    with ThreadPoolExecutor(8) as workers:
        claims = list(
            workers.map(lambda number: uploads.claim(12, 4, owner=str(number), lease=60), range(24))
        )
    winners = [claimed for claimed in claims if claimed]
    assert len(winners) == 1
    assert winners[0].fence == 1


def test_fifty_requests_at_once_make_one_row(engine: Engine) -> None:
    requests = SqlRequestRepository(engine)

    def ask(number: int) -> int:
        request = UploadRequest(12, 4, "/r/RUN4", task_id=str(number))
        return requests.request(request, published=True).fence

    with ThreadPoolExecutor(10) as producers:
        assert set(producers.map(ask, range(50))) == {0}
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM uploads")) == 1
