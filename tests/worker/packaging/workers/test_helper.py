import os
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from tests.worker.packaging.changes import remake
from tests.worker.packaging.helpers import ENDLESS_READS, failing_read, helpers_with
from tests.worker.packaging.left_behind import children, nothing_left_behind
from tests.worker.packaging.plans import again, batch_of
from tests.worker.packaging.processes import wait_until
from tests.worker.packaging.trees import KIB, MIB, LinkTo, Node, content, make
from worker.errors import HelperLost, TransientError, TreeChanged
from worker.packaging.workers.batch import BatchPacker
from worker.packaging.workers.helper import MAX_WAITING_REQUEST, Helper
from worker.packaging.workers.messages import encoded
from worker.packaging.workers.units import Batch
from worker.packaging.zip.deflate import FAST, SMALL, STORE

TREE: Mapping[str, Node] = {
    "a": {f"{number:02}": content("table", 100 * number, number) for number in range(20)},
    "b": {"noise": content("random", 100 * KIB), "empty": b"", "link": LinkTo("noise")},
    "ü": {"\udcff\udcfe": b"not UTF-8", "日本": {}},
}


@pytest.fixture
def batch(run: Path) -> Iterator[Batch]:
    remake(run, TREE)
    with batch_of(run) as batch:
        yield batch


@pytest.fixture
def helper() -> Iterator[Helper]:
    helper = Helper.start(FAST)
    yield helper
    helper.close()


@pytest.mark.parametrize("level", [STORE, FAST, SMALL])
def test_a_helper_packs_as_a_thread_does(batch: Batch, level: int) -> None:
    expected = BatchPacker(level)(batch.items, batch.descriptors)
    helper = Helper.start(level)
    packed = helper.pack(batch).take()
    helper.close()
    assert packed == expected


def test_a_helper_packs_one_batch_after_the_other_and_keeps_nothing_open(
    batch: Batch, helper: Helper
) -> None:
    expected = BatchPacker(FAST)(batch.items, batch.descriptors)
    for _ in range(20):
        assert helper.pack(again(batch)).take() == expected
    wait_until(lambda: len(descriptors_of(helper)) == 4)  # its socket and the three of all


def test_answers_to_several_requests_come_in_order_whichever_is_taken_first(
    batch: Batch, helper: Helper
) -> None:
    batches = [again(batch), directory(1), again(batch), directory(2)]
    expected = [BatchPacker(FAST)(each.items, each.descriptors) for each in batches]
    asked = [helper.pack(each) for each in batches]
    assert helper.pending_count == 4
    assert asked[2].take() == expected[2]
    assert helper.pending_count == 1
    assert [each.take() for each in asked] == expected
    assert helper.pending_count == 0


def directory(number: int) -> Batch:
    batch = Batch()
    batch.add(b"RUN4/%d/" % number, (stat.S_IFDIR | 0o755, 1_700_000_000), b"")
    return batch


def test_answers_that_are_there_are_collected_without_waiting_and_free_their_batches(
    batch: Batch, helper: Helper
) -> None:
    asked = helper.pack(batch)
    assert asked.held == 0

    def is_answered() -> bool:
        helper.collect()
        return not helper.pending_count

    wait_until(is_answered)
    assert batch.descriptors == []
    assert asked.held == len(asked.take().data)


def test_collecting_from_a_helper_that_has_not_answered_returns_at_once(batch: Batch) -> None:
    with helpers_with(ENDLESS_READS):
        helper = Helper.start(FAST)
    with closing(helper):
        helper.collect()
        helper.pack(batch)
        helper.collect()
        assert helper.pending_count == 1


def links(number: int, *, size: int = 4000, count: int = 256) -> Batch:
    """A batch whose request is as long as its answer: links with noise as targets."""
    batch, random = Batch(), Random(number)
    for each in range(count):
        target = random.randbytes(size)
        batch.add(b"RUN4/%d/%d" % (number, each), (stat.S_IFLNK | 0o777, 1_700_000_000), target)
    return batch


@pytest.mark.timeout(30)
def test_requests_and_answers_beyond_any_buffer_do_not_wait_for_each_other(helper: Helper) -> None:
    batches = [links(number) for number in range(6)]
    assert all(len(encoded(batch.message)) > 10 * MAX_WAITING_REQUEST for batch in batches)
    asked = [helper.pack(batch) for batch in batches]
    for each, batch in zip(asked, batches, strict=True):
        assert each.take() == BatchPacker(FAST)(batch.items, [])


@pytest.mark.timeout(30)
def test_the_longest_request_that_waits_fits_into_the_buffer_while_the_helper_answers(
    run: Path, helper: Helper
) -> None:
    make(run, {"noise": content("random", MIB)})
    batch = links(1, count=1, size=60 * KIB)
    batch.add(b"RUN4/rest", (stat.S_IFLNK | 0o777, 1_700_000_000), b"")
    room = MAX_WAITING_REQUEST - len(encoded(batch.message))
    batch.items[-1] = (b"RUN4/rest", (stat.S_IFLNK | 0o777, 1_700_000_000), bytes(room))
    assert len(encoded(batch.message)) == MAX_WAITING_REQUEST
    with batch_of(run) as large:
        for _ in range(20):
            asked = [helper.pack(again(large)), helper.pack(batch)]
            assert helper.pending_count == 2  # the second did not wait for the first
            assert [len(each.take().data) > KIB for each in asked] == [True, True]


def vanish(path: Path) -> None:
    path.unlink()


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def become_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def get_a_neighbour(path: Path) -> None:
    make(path.with_name("new"), b"")


@pytest.mark.parametrize(
    "change",
    [vanish, become_a_pipe, become_a_link, become_a_directory, grow, get_a_neighbour],
    ids=lambda change: change.__name__,
)
def test_what_changed_is_told_as_a_thread_tells_it(
    run: Path, batch: Batch, helper: Helper, change: Callable[[Path], None]
) -> None:
    change(run / "a" / "07")
    with pytest.raises(TreeChanged, match=r"^RUN4/a/") as here:
        BatchPacker(FAST)(batch.items, batch.descriptors)
    with pytest.raises(TreeChanged) as there:
        helper.pack(batch).take()
    assert str(there.value) == str(here.value)


def test_a_helper_packs_on_behind_an_error(run: Path, batch: Batch, helper: Helper) -> None:
    (run / "b" / "noise").write_bytes(b"")
    failing = helper.pack(batch)
    with batch_of(run) as as_it_is:
        expected = BatchPacker(FAST)(as_it_is.items, as_it_is.descriptors)
        assert helper.pack(as_it_is).take() == expected
    with pytest.raises(TreeChanged):
        failing.take()
    assert (failing.held, batch.descriptors) == (0, [])


@pytest.mark.parametrize("number", [1, 2, 20])
def test_a_read_that_fails_in_the_helper_is_told_with_the_files_name(
    batch: Batch, number: int
) -> None:
    with helpers_with(failing_read(number)):
        helper = Helper.start(FAST)
    with pytest.raises(TreeChanged, match=r"^RUN4/a/\d\d can't be read: Input/output error$"):
        helper.pack(batch).take()
    helper.close()


def test_a_helper_that_was_killed_before_its_batch_is_lost(batch: Batch, helper: Helper) -> None:
    os.kill(helper._process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, helper._process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(HelperLost, match="ended with -9"):
        helper.pack(batch).take()
    assert children() == set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_helper_that_is_killed_while_it_packs_is_lost(
    run: Path, batch: Batch, number: signal.Signals
) -> None:
    with helpers_with(ENDLESS_READS):
        helper = Helper.start(FAST)
    asked = helper.pack(batch)
    wait_until(lambda: opens(helper._process.pid, run / "a" / "00"))
    os.kill(helper._process.pid, number)
    with pytest.raises(HelperLost, match=f"ended with -{int(number)}"):
        asked.take()
    assert children() == set()
    helper.close()


def opens(pid: int, file: Path) -> bool:
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            if each.readlink() == file:
                return True
    return False


def test_a_helper_that_is_lost_stays_lost(batch: Batch, helper: Helper) -> None:
    os.kill(helper._process.pid, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(HelperLost):
            helper.pack(batch).take()


def test_a_helper_that_can_not_start_its_work_is_lost(
    batch: Batch, capfd: pytest.CaptureFixture[str]
) -> None:
    with helpers_with("import no_such_module"):
        helper = Helper.start(FAST)
    with pytest.raises(HelperLost, match="ended with 1"):
        helper.pack(batch).take()
    helper.close()
    assert "no_such_module" in capfd.readouterr().err


def test_a_machine_that_starts_no_process_is_a_passing_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with nothing_left_behind(), pytest.raises(TransientError):
        Helper.start(FAST)


def test_closing_a_helper_ends_its_process(helper: Helper) -> None:
    assert helper._process.pid in children()
    with nothing_left_behind():
        other = Helper.start(FAST)
        other.close()
        other.close()
    assert children() == {helper._process.pid}


def test_a_helper_takes_no_notice_of_a_terminal(helper: Helper) -> None:
    assert os.getsid(helper._process.pid) != os.getsid(0)
    assert os.readlink(f"/proc/{helper._process.pid}/fd/0") == os.devnull  # noqa: PTH115


def test_a_helper_inherits_its_socket_and_no_other(helper: Helper) -> None:
    with socket.socket() as ours, Path(os.devnull).open() as file:
        os.set_inheritable(ours.fileno(), True)
        os.set_inheritable(file.fileno(), True)
        other = Helper.start(FAST)
        wait_until(lambda: len(descriptors_of(other)) == 4)  # while it starts it reads modules
        other.close()


def descriptors_of(helper: Helper) -> set[str]:
    return {each.name for each in Path(f"/proc/{helper._process.pid}/fd").iterdir()}
