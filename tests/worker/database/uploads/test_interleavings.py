"""Claims, renewals, releases, messages and deaths of three workers, in any order of steps.

The statements are the real ones; the clock of the database and that of the workers is the test's.
A step that is not taken is a pause: of a process, of a worker, or of a whole machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from random import Random
from typing import Any, Self
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from tests.fakes.broker import FakeDeliveries
from tests.fakes.orders import obeying
from worker.database.engine import make_engine
from worker.database.jobs import add_job
from worker.database.orders import SqlOrders
from worker.database.schema import upgrade_schema
from worker.database.types import SQLITE_FORMAT
from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.outbox import SqlOutbox
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.errors import HandedBack, LeaseLost, OneprefixError, StorageUnavailable
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadMessage, UploadRequest
from worker.use_cases.lease import Lease
from worker.use_cases.recovery.adopt_messages import AdoptMessages
from worker.use_cases.recovery.republish import Republish
from worker.use_cases.requests.read_message import ReadMessage
from worker.use_cases.retry_policy import RetryPolicy
from worker.use_cases.upload.deaths import Deaths
from worker.use_cases.upload.failures import record_failure
from worker.use_cases.upload.leases import Leases

START = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)
GRACE, REPUBLISH, LEASE = 5.0, 300.0, 7.0
#: Seconds within which a row that is not over must be due, if nobody holds it and no message waits.
SOON = 15.0
#: Why an attempt fails: most do, so that the upload goes on.
FAILURES = [HandedBack, HandedBack, HandedBack, StorageUnavailable, None]
NUMBERS = [0, 1, 2]


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    def strftime(self, form: str, when: str, modifier: str = "+0 seconds") -> str:
        """SQLite's function of that name, on this clock."""
        if when != "now":
            return datetime.fromisoformat(when).strftime(form)
        assert form == SQLITE_FORMAT
        shown = START + timedelta(seconds=self.seconds + float(modifier.split(maxsplit=1)[0]))
        return f"{shown:%Y-%m-%d %H:%M:%S.%f}"


@dataclass
class Worker:
    """One pool process. It does one step when the test says so."""

    taken: str | None = None
    """Tag of the message that it has taken, and not acknowledged."""
    requested: Upload | None = None
    lease: Lease[Upload] | None = None
    lost: LeaseLost | None = None
    generation: int = 0


@cache
def _database() -> bytes:
    """A database with job 12 and its runs."""
    engine = make_engine("sqlite://")
    upgrade_schema(engine)
    add_job(engine, 12, START, [4])
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        return bytes(raw.serialize())


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.engine = make_engine("sqlite://")
        event.listen(self.engine, "connect", self._prepare)
        self.uploads = SqlUploadRepository(self.engine)
        self.requests = SqlRequestRepository(self.engine)
        self.outbox = SqlOutbox(self.engine, grace=GRACE, republish=REPUBLISH)
        self.list = SqlUploadList(self.engine)
        self.policy = RetryPolicy(max_attempts=10**6, missing_path_attempts=5, base=2, cap=8)
        self.ids = map(str, count())
        self.tags = map(str, count())
        self.queue: list[UploadRequest] = []
        self.unmarked: list[Upload] = []
        """Uploads whose producer has published the message, and has yet to note that."""
        self.unacknowledged: dict[str, tuple[float, UploadRequest]] = {}
        self.workers = [Worker(), Worker(), Worker()]
        self.recovery = Recovery(self)
        self._patches = [
            patch(f"worker.use_cases.{module}.monotonic", self.clock)
            for module in ("lease", "upload.leases")
        ]
        for each in self._patches:
            each.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()
        self.engine.dispose()

    def _prepare(self, connection: Any, _record: Any) -> None:
        connection.deserialize(_database())
        connection.create_function("strftime", -1, self.clock.strftime)

    # what the broker does

    def publish(self, request: UploadRequest, *, urgent: bool = False, retries: int = 0) -> bool:
        self.queue.insert(0 if urgent else len(self.queue), request)
        return True

    def publish_twice(self) -> None:
        self.queue += self.queue[:1]

    # what producers do

    def enqueue(self, replace: bool = False, dies: bool = False) -> None:
        request = UploadRequest(12, 4, "/r/RUN4", replace, next(self.ids))
        upload = self.requests.request(request, published=False)
        if upload.task_id == request.task_id and not dies:
            self.publish(request)
            self.unmarked.append(upload)

    def mark_published(self) -> None:
        if self.unmarked:
            self.requests.mark_published(self.unmarked.pop(0))

    # what time does

    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds

    # what workers do

    def begin(self, number: int, steps: int) -> None:
        for _ in range(steps):
            self._step(number)

    def _step(self, number: int) -> None:
        """Take a message; then ask for its row; then claim that."""
        worker = self.workers[number]
        if worker.lease:
            return
        if worker.taken is None:
            if self.queue:
                worker.taken = next(self.tags)
                self.unacknowledged[worker.taken] = self.clock(), self.queue.pop(0)
        elif worker.requested is None:
            _, request = self.unacknowledged[worker.taken]
            worker.requested = self.requests.request(request, published=True)
        elif worker.requested.state.is_over:
            self._acknowledge(worker)
        else:
            worker.lease = self._leases(number, worker).take(worker.requested)
            if worker.lease is None:
                self._acknowledge(worker)

    def renew(self, number: int) -> None:
        if lease := self.workers[number].lease:
            lease.renew()

    def check(self, number: int) -> None:
        worker = self.workers[number]
        if worker.lease:
            try:
                worker.lease.check()
            except LeaseLost as lost:
                worker.lost = lost

    def end(self, number: int, failure: Callable[[str], OneprefixError] | None) -> None:
        worker = self.workers[number]
        if not worker.lease:
            return
        why: OneprefixError | None = worker.lost or (failure and failure("away"))
        try:
            if why is None:
                worker.lease.check()
                self.uploads.land(worker.lease.held, results_url="https://s3/a")
        except LeaseLost as lost:
            why = lost
        if why:
            record_failure(
                self.uploads,
                worker.lease.held,
                why,
                retry_policy=self.policy,
                random=Random(1),
                limit_met=lambda _error: None,
            )
        self._acknowledge(worker)

    def die(self, number: int) -> None:
        """As a whole machine does: nobody gives its message back."""
        worker = self.workers[number]
        self.workers[number] = Worker(generation=worker.generation + 1)

    # what recovery does

    def republish(self) -> None:
        self.recovery.republish()

    def adopt(self) -> None:
        self.recovery.adopt()

    # what must hold

    def goes_on(self) -> None:
        """It has a live lease, a message that somebody will take, or is due soon."""
        upload = self.list.find(12, 4)
        assert upload
        is_leased = upload.state is UploadState.UPLOADING and self._is_leased(upload)
        has_message = self.queue or self.recovery.will_look_at_one()
        assert upload.state.is_over or is_leased or has_message or self._is_due_soon(), upload

    def _is_leased(self, upload: Upload) -> bool:
        assert upload.lease_until
        return upload.lease_until >= START + timedelta(seconds=self.clock())

    def _is_due_soon(self) -> bool:
        before = self.clock.seconds
        self.clock.seconds += SOON
        is_due = bool(self.outbox.due())
        self.clock.seconds = before
        return is_due

    def _leases(self, number: int, worker: Worker) -> Leases:
        return Leases(
            self.uploads,
            owner=f"{number}.{worker.generation}",
            has_ended=lambda _: False,
            deaths=Deaths(self.uploads, RetryPolicy(max_attempts=10**6), Random(0), lambda: 0),
            seconds=LEASE,
            stall_seconds=10**6,
            abandon=lambda: None,
        )

    def _acknowledge(self, worker: Worker) -> None:
        assert worker.taken
        del self.unacknowledged[worker.taken]
        worker.taken = worker.requested = worker.lease = worker.lost = None


class Recovery:
    """That of one worker, whose message and due rows it publishes in steps of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deliveries = FakeDeliveries()
        read = ReadMessage(world.requests)
        self._adopt = AdoptMessages(
            self.deliveries,
            read,
            obeying(SqlOrders(world.engine, republish=REPUBLISH)),
            world.requests,
            world.outbox,
            grace=GRACE,
        )
        self.republish = Republish(world.outbox, world, lambda: next(world.ids))

    def adopt(self) -> None:
        self.deliveries.taken = {
            tag: (self.world.clock() - taken_at, _message(request))
            for tag, (taken_at, request) in self.world.unacknowledged.items()
        }
        self._adopt()

    def will_look_at_one(self) -> bool:
        """Whether it has yet to look at a message that was taken."""
        return bool(self.world.unacknowledged.keys() - self._adopt._seen)


def _message(request: UploadRequest) -> UploadMessage:
    assert request.task_id
    return UploadMessage(request.task_id, request.job_id, request.run_id, request.path)


#: Each step, as many times as it is likelier than others, with what it may be told.
STEPS: list[tuple[int, Callable[..., None], dict[str, list[Any]]]] = [
    (2, World.adopt, {}),
    (3, World.republish, {}),
    (4, World.wait, {"seconds": [1.0, LEASE / 2, 11.0]}),
    (1, World.enqueue, {"replace": [False, False, True], "dies": [False, False, True]}),
    (1, World.mark_published, {}),
    (1, World.publish_twice, {}),
    (8, World.begin, {"number": NUMBERS, "steps": [1, 2, 3]}),
    (3, World.renew, {"number": NUMBERS}),
    (3, World.check, {"number": NUMBERS}),
    (2, World.end, {"number": NUMBERS, "failure": FAILURES}),
    (1, World.die, {"number": NUMBERS}),
]
LIKELY = [each for each in STEPS for _ in range(each[0])]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_an_upload_goes_on_whatever_the_order_of_steps(data: st.DataObject) -> None:
    with World() as world:
        world.enqueue()
        for _ in range(100):
            _, step, choices = data.draw(st.sampled_from(LIKELY))
            step(world, **{name: data.draw(st.sampled_from(of)) for name, of in choices.items()})
            world.goes_on()
