import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.fakes.results import FakeArchive, FakePackage, FakePackager, FakeResults, artifact_of
from tests.fakes.uploads import FakeDatabase, FakeJobs, FakeRequests, FakeRuns, FakeUploads, later
from worker.errors import (
    AttemptsExhausted,
    DatabaseUnavailable,
    HandedBack,
    InvalidResultsDirectory,
    JobNotFound,
    LeaseLost,
    LeftAlone,
    LimitMet,
    MustWait,
    OneprefixError,
    RecordNotWritten,
    ResultsDirectoryMissing,
    RunNotFound,
    RunNotInJob,
    Stalled,
    StorageRefused,
    StorageUnavailable,
    TransientError,
    TreeChanged,
    Unfinished,
    UploadGivenUp,
)
from worker.models.artifact import Artifact
from worker.models.history import past_attempts
from worker.models.job import Job, Run
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import UploadRequest
from worker.process.company import Company
from worker.process.limits import limit_met
from worker.process.semaphore import ProcessSemaphore
from worker.process.shutdown import ShutdownDeadline
from worker.use_cases.retry_policy import RetryPolicy
from worker.use_cases.upload import caution
from worker.use_cases.upload.caution import Caution
from worker.use_cases.upload.deaths import Deaths
from worker.use_cases.upload.large_runs import LargeRuns
from worker.use_cases.upload.leases import Leases
from worker.use_cases.upload.settling import Settling
from worker.use_cases.upload.upload_results import UploadResults

KEY = "jobs/12/2025/10/23/211500/run_4_results.zip"
URL = f"https://bucket.s3.amazonaws.com/{KEY}"
REQUEST = UploadRequest(12, 4, "/r/RUN4", task_id="first")
AGAIN = replace(REQUEST, task_id="second")


@dataclass
class World:
    """Everything in memory, with job 12 and its run 4, whose directory is there."""

    database: FakeDatabase = field(default_factory=FakeDatabase)
    packager: FakePackager = field(default_factory=FakePackager)
    results: FakeResults = field(default_factory=FakeResults)
    large_runs: ProcessSemaphore = field(default_factory=lambda: ProcessSemaphore(1))
    company: Company = field(default_factory=Company)
    ended: set[str] = field(default_factory=set)
    """Owners that run no more."""
    oom_kills: int = 0
    shutdown: ShutdownDeadline = field(default_factory=ShutdownDeadline)
    settle_seconds: float = 0
    use_case: UploadResults = field(init=False)

    def __post_init__(self) -> None:
        self.database.jobs[12] = Job(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC))
        self.database.runs[4] = Run(4, 12)
        self.packager.directories["/r/RUN4"] = b"results"
        policy = RetryPolicy(
            max_attempts=4, missing_path_attempts=2, missing_path_seconds=0, base=1, cap=10
        )
        uploads = FakeUploads(self.database)
        self.use_case = UploadResults(
            requests=FakeRequests(self.database),
            uploads=uploads,
            jobs=FakeJobs(self.database),
            runs=FakeRuns(self.database),
            packager=self.packager,
            results=self.results,
            retry_policy=policy,
            random=Random(7),
            large_runs=LargeRuns(self.large_runs, 1 << 20),
            leases=Leases(
                uploads,
                owner="me",
                has_ended=self.ended.__contains__,
                deaths=Deaths(uploads, policy, Random(7), lambda: self.oom_kills),
                seconds=60,
                stall_seconds=60,
                abandon=lambda: None,
            ),
            caution=Caution(self.company),
            settling=Settling(self.settle_seconds),
            must_stop=self.shutdown.has_passed,
            limit_met=limit_met,
        )

    @property
    def row(self) -> Upload:
        return self.database.rows[12, 4]

    def make_due(self) -> None:
        """Let the time until the next attempt, or the lease, pass."""
        self.database.rows[12, 4] = replace(
            self.row, next_attempt_at=later(-1), lease_until=later(-1)
        )


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_on_its_way_is_looked_at_only_when_somebody_asks(world: World) -> None:
    looks: list[None] = []

    def on_its_way() -> int:
        looks.append(None)
        return 0

    world.packager.directories["/r/RUN4"] = bytes(9 << 20)  # in nine chunks
    world.use_case = replace(world.use_case, on_its_way=on_its_way)
    told: list[tuple[int, int]] = []
    assert world.use_case(REQUEST) == URL
    assert looks == []
    world.use_case(
        replace(REQUEST, replace=True, task_id="again"),
        lambda done, total: told.append((done(), total)),
    )
    assert len(looks) == len(told) == 9
    assert told[-1] == (8 << 20, 9 << 20)  # before the last chunk is sent


def test_a_finished_run_lands_under_its_jobs_prefix(world: World) -> None:
    assert world.use_case(REQUEST) == URL
    assert world.results.objects == {KEY: b"results"}
    row = world.row
    assert (row.state, row.results_url, row.s3_key) == (UploadState.LANDED, URL, KEY)
    artifact = artifact_of(KEY, b"results")
    assert (row.checksum, row.sha256) == (artifact.checksum, artifact.sha256)
    assert (row.archive_size, row.file_count, row.bytes_total) == (7, 1, 7)
    assert (row.attempt, row.error, row.owner) == (1, None, None)
    run = world.database.runs[4]
    assert (run.status, run.results_url) == ("DONE", URL)


def test_a_repeat_returns_the_recorded_location_though_the_directory_is_gone(world: World) -> None:
    world.use_case(REQUEST)
    world.packager.directories["/r/RUN4"] = ResultsDirectoryMissing("gone")
    assert world.use_case(REQUEST) == URL
    assert world.use_case(AGAIN) == URL
    assert world.packager.opened == 1


def test_replace_uploads_anew(world: World) -> None:
    world.use_case(REQUEST)
    world.packager.directories["/r/RUN4"] = b"better results"
    assert world.use_case(replace(AGAIN, replace=True)) == URL
    assert world.results.objects[KEY] == b"better results"
    assert world.row.archive_size == len(b"better results")


def test_a_replacement_that_fails_leaves_the_old_object_and_location(world: World) -> None:
    world.use_case(REQUEST)
    world.packager.directories["/r/RUN4"] = InvalidResultsDirectory("no RUN*")
    with pytest.raises(InvalidResultsDirectory):
        world.use_case(replace(AGAIN, replace=True))
    assert world.results.objects[KEY] == b"results"
    assert world.database.runs[4].results_url == URL
    assert world.row.state is UploadState.FAILED


def test_an_upload_that_another_worker_holds_is_left_to_it(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    world.use_case.uploads.claim(12, 4, owner="other", lease=60)
    with pytest.raises(LeftAlone):
        world.use_case(REQUEST)
    assert world.row.owner == "other"
    assert world.packager.opened == 0


def test_an_upload_whose_holder_died_is_taken_over(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    world.use_case.uploads.claim(12, 4, owner="dead", lease=-1)
    assert world.use_case(REQUEST) == URL
    assert (world.row.attempt, world.row.fence) == (2, 2)


def drop_job(world: World) -> None:
    del world.database.jobs[12]


def drop_run(world: World) -> None:
    del world.database.runs[4]


def give_run_away(world: World) -> None:
    world.database.runs[4] = Run(4, 13)


def spoil_directory(world: World) -> None:
    world.packager.directories["/r/RUN4"] = InvalidResultsDirectory("it holds no RUN*")


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        (drop_job, JobNotFound, "there is no such job"),
        (drop_run, RunNotFound, "there is no such run"),
        (give_run_away, RunNotInJob, "belongs to job 13"),
        (spoil_directory, InvalidResultsDirectory, "it holds no RUN*"),
    ],
)
def test_what_retrying_can_not_cure_fails_at_once_with_its_reason(
    world: World, spoil: Any, kind: type[OneprefixError], reason: str
) -> None:
    spoil(world)
    with pytest.raises(kind) as error:
        world.use_case(REQUEST)
    assert str(error.value).startswith("job 12, run 4: ")
    assert reason in str(error.value)
    assert error.value.recorded
    assert (world.row.state, world.row.error) == (UploadState.FAILED, str(error.value))
    assert world.row.owner is None
    assert world.results.objects == {}


@pytest.mark.parametrize(
    "trouble", [TreeChanged("a.csv grew"), StorageUnavailable("S3 answered 503 SlowDown")]
)
def test_what_may_pass_is_retried_later(world: World, trouble: TransientError) -> None:
    world.packager.directories["/r/RUN4"] = trouble
    with pytest.raises(type(trouble)) as error:
        world.use_case(REQUEST)
    assert error.value.recorded
    assert 0 <= error.value.retry_in <= 1
    row = world.row
    assert (row.state, row.error) == (UploadState.RETRYING, str(error.value))
    assert (row.owner, row.lease_until) == (None, None)
    assert row.next_attempt_at
    world.packager.directories["/r/RUN4"] = b"results"
    world.make_due()
    assert world.use_case(REQUEST) == URL
    assert (world.row.attempt, world.row.error) == (2, None)


def test_a_retry_that_is_not_due_is_left_alone(world: World) -> None:
    world.packager.directories["/r/RUN4"] = StorageUnavailable("away")
    with pytest.raises(StorageUnavailable):
        world.use_case(REQUEST)
    world.database.rows[12, 4] = replace(world.row, next_attempt_at=later(60))
    with pytest.raises(LeftAlone, match=r"job 12, run 4: another worker has .* or it is not due"):
        world.use_case(REQUEST)


def attempts_until_failed(world: World) -> int:
    for attempt in range(1, 100):
        try:
            world.use_case(REQUEST)
        except AttemptsExhausted:
            return attempt
        except TransientError:
            world.make_due()
    raise AssertionError("it never gave up")


def test_attempts_are_counted_and_end_failed(world: World) -> None:
    world.packager.directories["/r/RUN4"] = StorageUnavailable("S3 is away")
    assert attempts_until_failed(world) == 4
    assert world.row.state is UploadState.FAILED
    assert world.row.error == "job 12, run 4: gave up after 4 attempts: S3 is away"


def test_a_missing_directory_is_retried_a_few_times_only(world: World) -> None:
    world.packager.directories["/r/RUN4"] = ResultsDirectoryMissing("there is no directory")
    assert attempts_until_failed(world) == 2


def test_a_missing_directory_is_looked_for_as_long_as_a_file_system_may_lag(world: World) -> None:
    policy = replace(world.use_case.retry_policy, max_attempts=10, missing_path_seconds=120)
    world.use_case = replace(world.use_case, retry_policy=policy)
    world.packager.directories["/r/RUN4"] = ResultsDirectoryMissing("there is no directory")
    for _ in range(3):
        with pytest.raises(TransientError):
            world.use_case(REQUEST)
        world.make_due()
        first = next(past_attempts(world.row.history))
        lines = f"1 {(first.begun_at - timedelta(seconds=50)).isoformat()}"
        history = (world.row.history or "").replace(f"1 {first.begun_at.isoformat()}", lines)
        world.database.rows[12, 4] = replace(world.row, history=history)
    with pytest.raises(AttemptsExhausted):
        world.use_case(REQUEST)


def test_a_directory_that_kills_its_workers_ends_failed(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    told = kill_workers(world, 4)
    assert world.row.state is UploadState.FAILED
    assert told[-1] == (
        "job 12, run 4: gave up after 4 attempts: its worker was killed; that was number 4 in a row"
    )
    with pytest.raises(UploadGivenUp, match="number 4 in a row"):
        world.use_case(REQUEST)


def test_the_kernels_kill_is_told_as_such(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    world.oom_kills = 7
    claimed(world)
    world.oom_kills = 8
    world.use_case.leases.deaths.note(world.row)
    assert "by the kernel, since its memory was exhausted" in (world.row.error or "")


def test_the_first_deaths_cost_no_time_and_later_ones_more_and_more(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    waits = []
    for _ in range(3):
        claimed(world)
        world.use_case.leases.deaths.note(world.row)
        assert world.row.next_attempt_at
        waits.append((world.row.next_attempt_at - later(0)).total_seconds())
        world.make_due()
    assert waits[0] <= 0
    assert waits[1] <= 0
    assert 0 < waits[2] <= 2


def test_a_death_is_counted_once(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    claimed(world)
    held = world.row
    deaths = world.use_case.leases.deaths
    assert deaths.note(held)
    assert not deaths.note(held)
    assert world.row.deaths == 1


def test_a_lease_that_has_not_run_out_is_no_death_unless_its_process_is_gone(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    claimed(world)
    assert not world.use_case.leases.deaths.note(world.row, is_certain=False)
    with pytest.raises(LeftAlone):
        world.use_case(REQUEST)


def test_after_three_deaths_an_upload_runs_alone_and_takes_less(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    kill_workers(world, 3)
    assert world.use_case(REQUEST) == URL
    assert world.packager.cutbacks == 1
    assert world.row.deaths == 0
    assert in_another_process(world.company.enter)  # it has left


def test_beside_an_upload_that_must_run_alone_no_other_begins(world: World) -> None:
    with another_process_inside(world.company, alone=True), pytest.raises(MustWait, match="alone"):
        world.use_case(REQUEST)
    world.make_due()
    assert world.use_case(REQUEST) == URL


def test_an_upload_that_must_run_alone_waits_until_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caution, "PATIENCE", 0.3)
    world.use_case.requests.request(REQUEST, published=True)
    kill_workers(world, 3)
    with another_process_inside(world.company), pytest.raises(MustWait, match="killed 3 times"):
        world.use_case(REQUEST)
    assert world.row.attempt == 3  # uncounted
    assert in_another_process(world.company.enter)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_an_attempt_that_met_a_limit_names_it_and_the_next_takes_less(
    world: World, error: Exception
) -> None:
    world.packager.directories["/r/RUN4"] = error
    with pytest.raises(LimitMet, match="the worker met a limit"):
        world.use_case(REQUEST)
    assert world.row.cutbacks == 1
    world.packager.directories["/r/RUN4"] = b"results"
    world.make_due()
    assert world.use_case(REQUEST) == URL
    assert world.packager.cutbacks == 1


def claimed(world: World) -> Upload:
    uploads = world.use_case.uploads
    held = uploads.claim(12, 4, owner="killed", lease=60, oom_kills=world.oom_kills)
    assert held
    return held


def kill_workers(world: World, times: int) -> list[str | None]:
    """Have as many workers die with the upload; return what its row told each time."""
    told = []
    for _ in range(times):
        claimed(world)
        world.use_case.leases.deaths.note(world.row)
        told.append(world.row.error)
        if not world.row.state.is_over:
            world.make_due()
    return told


def in_another_process(question: Callable[[], bool]) -> bool:
    """The answer of a forked process, since locks of this one never exclude it."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if question() else 1)
    return os.waitpid(pid, 0)[1] == 0


@contextmanager
def another_process_inside(company: Company, *, alone: bool = False) -> Iterator[None]:
    """A process that works, alone or not, until the block ends."""
    told, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        entered = company.enter_alone() if alone else company.enter()
        os.write(telling, b"1" if entered else b"0")
        signal.pause()
    try:
        assert os.read(told, 1) == b"1"
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_row_without_attempts_left_ends_failed(world: World) -> None:
    """As one that was handed back each time, or whose limit was lowered."""
    world.use_case.requests.request(REQUEST, published=True)
    world.database.rows[12, 4] = replace(world.row, attempt=4)
    with pytest.raises(AttemptsExhausted, match="gave up after 4 attempts"):
        world.use_case(REQUEST)
    assert world.row.state is UploadState.FAILED
    assert world.packager.opened == 0


def test_an_error_of_ours_is_on_the_row_and_retried(world: World) -> None:
    world.packager.directories.clear()  # the fake then raises KeyError
    with pytest.raises(TransientError, match="unexpected KeyError"):
        world.use_case(REQUEST)
    assert world.row.state is UploadState.RETRYING
    assert "unexpected KeyError" in (world.row.error or "")


class Unrecordable(FakeUploads):
    """Can't write that an upload landed, nor anything after, until it is mended."""

    broken = True

    def land(self, upload: Upload, *, results_url: str) -> float:
        if self.broken:
            raise DatabaseUnavailable("the connection was cut")
        return super().land(upload, results_url=results_url)

    def retry(self, upload: Upload, **told: Any) -> None:
        if self.broken:
            raise DatabaseUnavailable("the connection was cut")
        super().retry(upload, **told)


@pytest.mark.parametrize("retry_is_recorded", [True, False])
def test_an_object_whose_row_could_not_be_written_is_recorded_later_and_not_sent_again(
    world: World, retry_is_recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Unrecordable(world.database)
    if retry_is_recorded:
        monkeypatch.setattr(Unrecordable, "retry", FakeUploads.retry)
    use_case = replace(world.use_case, uploads=uploads)
    with pytest.raises(TransientError) as error:
        use_case(REQUEST)
    if retry_is_recorded:
        assert isinstance(error.value, RecordNotWritten)
        assert error.value.key == KEY
        assert KEY in str(error.value)
    else:
        assert not error.value.recorded  # the message itself has to come back
    assert world.results.objects == {KEY: b"results"}
    assert world.database.runs[4].results_url is None

    uploads.broken = False
    world.make_due()
    world.packager.directories["/r/RUN4"] = ResultsDirectoryMissing("cleaned up meanwhile")
    assert use_case(REQUEST) == URL
    assert world.packager.opened == 1
    assert world.database.runs[4].results_url == URL


@pytest.mark.parametrize("there", [None, b"something else"])
def test_an_object_that_is_not_the_sealed_one_is_sent_again(
    world: World, there: bytes | None
) -> None:
    uploads = Unrecordable(world.database)
    use_case = replace(world.use_case, uploads=uploads)
    with pytest.raises(TransientError):
        use_case(REQUEST)
    world.results.objects.clear()
    if there:
        world.results.objects[KEY] = there
    uploads.broken = False
    world.make_due()
    assert use_case(REQUEST) == URL
    assert world.results.objects == {KEY: b"results"}
    assert world.packager.opened == 2


def test_after_replace_the_old_object_is_not_taken_for_the_new_one(world: World) -> None:
    world.use_case(REQUEST)
    world.packager.directories["/r/RUN4"] = StorageUnavailable("away")
    again = replace(AGAIN, replace=True)
    with pytest.raises(StorageUnavailable):
        world.use_case(again)
    world.packager.directories["/r/RUN4"] = b"new"
    world.make_due()
    world.use_case(again)
    assert world.results.objects[KEY] == b"new"


def test_a_worker_that_lost_its_lease_completes_no_object(world: World) -> None:
    class TakenOver(FakeResults):
        @contextmanager
        def begin(self, *given: Any, **named: Any) -> Iterator[FakeArchive]:
            world.make_due()
            world.use_case.uploads.claim(12, 4, owner="other", lease=60)
            with super().begin(*given, **named) as archive:
                yield archive

    taken_over = TakenOver()
    with pytest.raises(LeaseLost):
        replace(world.use_case, results=taken_over)(REQUEST)
    assert taken_over.objects == {}
    assert (world.row.owner, world.row.state) == ("other", UploadState.UPLOADING)


def test_a_worker_that_lost_its_lease_after_completing_writes_no_row(world: World) -> None:
    class Slow(FakeResults):
        @contextmanager
        def begin(self, *given: Any, **named: Any) -> Iterator[FakeArchive]:
            with super().begin(*given, **named) as archive:
                yield archive
            world.make_due()
            world.use_case.uploads.claim(12, 4, owner="other", lease=60)

    with pytest.raises(LeaseLost):
        replace(world.use_case, results=Slow())(REQUEST)
    assert world.database.runs[4].results_url is None
    assert world.row.owner == "other"


def test_s3_refusing_ends_failed(world: World) -> None:
    class Refusing(FakeResults):
        def begin(self, *_: Any, **__: Any) -> Any:
            raise StorageRefused("storing x: S3 answered 403 AccessDenied")

    with pytest.raises(StorageRefused):
        replace(world.use_case, results=Refusing())(REQUEST)
    assert world.row.state is UploadState.FAILED


def test_a_database_that_is_away_from_the_start_leaves_it_to_the_message(world: World) -> None:
    class Away(FakeRequests):
        def request(self, *_: Any, **__: Any) -> Any:
            raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable) as error:
        replace(world.use_case, requests=Away(world.database))(REQUEST)
    assert not error.value.recorded


def test_the_lease_is_kept_while_a_large_tree_is_measured(world: World) -> None:
    class Slow(FakePackager):
        @contextmanager
        def open(
            self, path: str, moved: Callable[[], None] = lambda: None, *, cutbacks: int = 0
        ) -> Iterator[FakePackage]:
            time.sleep(3)
            with super().open(path, moved, cutbacks=cutbacks) as package:
                yield package

    leases = replace(world.use_case.leases, seconds=2)
    slow = replace(world.use_case, packager=Slow(world.packager.directories), leases=leases)
    assert slow(REQUEST) == URL
    assert world.row.attempt == 1


def test_an_older_message_does_not_undo_a_newer_request(world: World) -> None:
    world.packager.directories["/r/OLD"] = b"old"
    old = replace(REQUEST, path="/r/OLD")
    world.use_case.requests.request(old, published=True)
    world.use_case.requests.request(replace(AGAIN, replace=True), published=True)
    assert world.use_case(old) == URL  # the old one's message comes first
    assert world.use_case(AGAIN) == URL
    assert world.results.objects[KEY] == b"results"


def test_a_replacement_delivered_again_late_replaces_nothing(world: World) -> None:
    first = replace(REQUEST, replace=True)
    world.use_case(first)
    world.use_case(replace(AGAIN, replace=True))
    world.packager.directories["/r/RUN4"] = b"half cleaned up"
    assert world.use_case(first) == URL
    assert world.results.objects[KEY] == b"results"


def test_after_a_failed_replacement_only_replace_may_replace(world: World) -> None:
    world.use_case(REQUEST)
    world.packager.directories["/r/RUN4"] = InvalidResultsDirectory("no RUN*")
    with pytest.raises(InvalidResultsDirectory):
        world.use_case(replace(AGAIN, replace=True))
    world.packager.directories["/r/RUN4"] = b"half cleaned up"
    with pytest.raises(UploadGivenUp, match=r"^job 12, run 4: no RUN\*$"):
        world.use_case(replace(AGAIN, task_id="third"))
    assert world.results.objects[KEY] == b"results"
    assert world.use_case(replace(AGAIN, task_id="fourth", replace=True)) == URL


@pytest.fixture
def no_slot(world: World) -> Iterator[ProcessSemaphore]:
    """Another process packs a large run, so that this one has to wait."""
    world.packager.directories["/r/RUN4"] = bytes(1 << 20)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        world.large_runs.acquire()
        os.write(theirs, b"!")
        signal.pause()
    os.read(ours, 1)
    yield world.large_runs
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ours)
    os.close(theirs)


@pytest.mark.usefixtures("no_slot")
def test_a_large_run_waits_for_its_turn_and_that_is_no_failed_attempt(world: World) -> None:
    for _ in range(10):
        with pytest.raises(MustWait, match="job 12, run 4: waits for its turn") as waiting:
            world.use_case(REQUEST)
        assert waiting.value.recorded
        assert (world.row.state, world.row.attempt) == (UploadState.RETRYING, 0)
        assert world.row.bytes_total == 1 << 20
        world.make_due()
    assert world.packager.opened == 1  # it is known to be large from the first time on
    assert world.results.objects == {}


@pytest.mark.usefixtures("no_slot")
def test_a_small_run_never_waits_for_a_slot(world: World) -> None:
    world.packager.directories["/r/RUN4"] = bytes((1 << 20) - 1)
    assert world.use_case(REQUEST) == URL


def test_the_semaphore_is_released_whatever_became_of_the_attempt(world: World) -> None:
    world.packager.directories["/r/RUN4"] = bytes(1 << 20)
    world.use_case(REQUEST)
    world.results = FakeResults()
    with pytest.raises(OneprefixError):
        world.use_case(UploadRequest(12, 5, "/r/RUN4", task_id="other"))
    assert world.large_runs._held is None


def test_the_lease_of_a_holder_that_has_ended_is_taken_at_once(world: World) -> None:
    world.use_case.requests.request(REQUEST, published=True)
    world.use_case.uploads.claim(12, 4, owner="dead", lease=600)
    with pytest.raises(LeftAlone):
        world.use_case(REQUEST)
    world.ended.add("dead")
    assert world.use_case(REQUEST) == URL


def test_a_worker_that_stops_hands_back_what_it_is_at_without_using_an_attempt(
    world: World,
) -> None:
    world.shutdown.set(0)
    with pytest.raises(HandedBack) as error:
        world.use_case(REQUEST)
    assert error.value.recorded
    assert (world.row.state, world.row.attempt) == (UploadState.RETRYING, 0)
    assert world.row.next_attempt_at
    assert world.row.next_attempt_at <= later(0)
    assert world.results.objects == {}
    other = replace(world.use_case, must_stop=lambda: False)
    assert other(REQUEST) == URL


@dataclass
class Interrupted(FakeResults):
    """Begins a multipart upload, and then fails."""

    error: OneprefixError | None = field(default_factory=lambda: StorageUnavailable("away"))

    @contextmanager
    def begin(self, *given: Any, **named: Any) -> Iterator[FakeArchive]:
        if self.error:
            yield FailingArchive({}, KEY, b"", "multipart", self.error)
        else:
            with super().begin(*given, **named) as archive:
                yield archive


@dataclass
class FailingArchive(FakeArchive):
    error: OneprefixError | None = None

    def send_parts(self) -> Artifact:
        assert self.error
        raise self.error


def test_the_next_attempt_goes_on_with_what_was_begun(world: World) -> None:
    results = Interrupted()
    use_case = replace(world.use_case, results=results)
    with pytest.raises(StorageUnavailable):
        use_case(REQUEST)
    results.error = None
    world.make_due()
    assert use_case(REQUEST) == URL
    assert results.resumed == ["multipart"]
    assert results.aborted == []
    assert world.row.multipart_upload_id is None


@pytest.mark.parametrize(("named", "aborted"), [(False, [(KEY, "multipart")]), (True, [])])
def test_what_was_begun_and_could_not_be_recorded_is_aborted_unless_a_row_names_it(
    world: World, named: bool, aborted: list[tuple[str, str]]
) -> None:
    class Cut(FakeUploads):
        def opened(self, *_: Any, **__: Any) -> None:
            raise DatabaseUnavailable("cut")

    results = Interrupted()
    use_case = replace(world.use_case, results=results)
    if named:
        with pytest.raises(StorageUnavailable):
            use_case(REQUEST)
        world.make_due()
    with pytest.raises(DatabaseUnavailable):
        replace(use_case, uploads=Cut(world.database))(REQUEST)
    assert results.aborted == aborted


def test_what_was_begun_with_another_tree_is_aborted(world: World) -> None:
    results = Interrupted()
    use_case = replace(world.use_case, results=results)
    with pytest.raises(StorageUnavailable):
        use_case(REQUEST)
    results.error = None
    world.packager.directories["/r/RUN4"] = b"more results"
    world.make_due()
    assert use_case(REQUEST) == URL
    assert results.resumed == [None]
    assert results.aborted == [(KEY, "multipart")]


@pytest.mark.parametrize(
    ("error", "state"),
    [(StorageRefused("no"), UploadState.FAILED), (TreeChanged("grew"), UploadState.RETRYING)],
)
def test_a_failed_attempt_leaves_its_traceback_without_secrets(
    world: World, error: OneprefixError, state: UploadState
) -> None:
    error.__cause__ = ValueError("https://user:hunter2@host/?X-Amz-Signature=abc")
    with pytest.raises(type(error)):
        replace(world.use_case, results=Interrupted(error=error))(REQUEST)
    assert world.row.state is state
    assert world.row.traceback
    assert type(error).__name__ in world.row.traceback.splitlines()[-1]
    assert "hunter2" not in world.row.traceback
    assert "abc" not in world.row.traceback


def test_an_upload_in_which_nothing_moves_is_tried_again(world: World) -> None:
    class Stuck(FakeResults):
        def begin(self, *_: Any, check: Callable[[], None], **__: Any) -> Any:
            while True:
                time.sleep(0.01)
                check()

    leases = replace(world.use_case.leases, seconds=0.4, stall_seconds=0.2)
    use_case = replace(world.use_case, results=Stuck(), leases=leases)
    with pytest.raises(Stalled, match=r"nothing moved for 0\.2 s"):
        use_case(REQUEST)
    assert world.row.state is UploadState.RETRYING


class TestADirectoryThatIsStillWrittenTo:
    def test_it_is_sent_once_two_looks_saw_the_same(self) -> None:
        world = World(settle_seconds=30)
        for content in (b"1", b"1,2"):
            world.packager.directories["/r/RUN4"] = content
            with pytest.raises(Unfinished, match="nothing has changed") as waits:
                world.use_case(REQUEST)
            assert waits.value.retry_in == 30
            assert (world.row.state, world.row.attempt) == (UploadState.RETRYING, 0)
            assert not world.results.objects
            world.make_due()
        assert world.use_case(REQUEST)
        assert world.row.state is UploadState.LANDED

    def test_a_wait_for_a_slot_keeps_what_was_seen(self) -> None:
        world = World(settle_seconds=30)
        world.packager.directories["/r/RUN4"] = bytes(2 << 20)
        with pytest.raises(Unfinished):
            world.use_case(REQUEST)
        world.make_due()
        other = ProcessSemaphore(0)
        busy = replace(world.use_case, large_runs=LargeRuns(other, 1 << 20))
        with pytest.raises(MustWait):
            busy(REQUEST)
        world.make_due()
        assert world.use_case(REQUEST)

    def test_a_tree_that_changed_while_it_was_packed_is_waited_for_again(self) -> None:
        world = World(settle_seconds=30)
        with pytest.raises(Unfinished):
            world.use_case(REQUEST)
        world.make_due()
        world.database.rows[12, 4] = replace(world.row, file_count=1, bytes_total=7)
        world.packager.directories["/r/RUN4"] = b"another"
        with pytest.raises(Unfinished):
            world.use_case(REQUEST)

    def test_it_is_not_waited_for_unless_asked(self) -> None:
        assert World().use_case(REQUEST)
