import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from worker.errors import DatabaseRefused, DatabaseUnavailable, LeaseLost, Stalled
from worker.models.upload import Upload
from worker.use_cases.lease import Lease

UPLOAD = Upload(12, 4, "/r/RUN4")


def eventually(happened: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def is_lost(lease: Lease[Any]) -> bool:
    try:
        lease.check()
    except LeaseLost:
        return True
    return False


def test_it_renews_while_the_work_goes_on_and_stops_with_it() -> None:
    renewals: list[float] = []
    with Lease(UPLOAD, lambda _: renewals.append(time.monotonic()), seconds=1) as lease:
        eventually(lambda: len(renewals) >= 5)
        lease.check()
    count = len(renewals)
    time.sleep(0.5)
    assert len(renewals) == count
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]


def test_a_refused_renewal_loses_the_lease_at_once() -> None:
    def refuse(_: int) -> None:
        raise LeaseLost("taken over")

    with Lease(UPLOAD, refuse, seconds=60 * 4 * 0.001) as lease:
        eventually(lambda: is_lost(lease))
        with pytest.raises(LeaseLost, match="taken over"):
            lease.check()


def test_a_database_that_is_away_loses_the_lease_when_its_time_is_over_and_not_before() -> None:
    tries: list[float] = []

    def fail(_: int) -> None:
        tries.append(time.monotonic())
        raise DatabaseUnavailable("away")

    started = time.monotonic()
    with Lease(UPLOAD, fail, seconds=0.8) as lease:
        eventually(lambda: is_lost(lease))
        assert time.monotonic() - started >= 0.8
        assert len(tries) >= 2
        with pytest.raises(LeaseLost, match=r"could not be renewed for 0\.8 s"):
            lease.check()


def test_a_database_that_comes_back_in_time_keeps_the_lease() -> None:
    outcomes = iter([DatabaseUnavailable("away"), None])
    renewed = threading.Event()

    def flicker(_: int) -> None:
        outcome = next(outcomes, None)
        if outcome:
            raise outcome
        renewed.set()

    with Lease(UPLOAD, flicker, seconds=1) as lease:
        assert renewed.wait(10)
        lease.check()


def test_a_renewal_that_hangs_loses_the_lease() -> None:
    hang = threading.Event()

    def renew(_: int) -> None:
        hang.wait(5)

    with Lease(UPLOAD, renew, seconds=0.3) as lease:
        eventually(lambda: is_lost(lease), seconds=3)
        hang.set()


def test_each_renewal_tells_the_progress() -> None:
    told: list[int] = []
    with Lease(UPLOAD, told.append, seconds=0.1) as lease:
        eventually(lambda: bool(told))
        lease.progress = lambda: 77
        eventually(lambda: 77 in told)
    assert told[0] == 0


def test_it_renews_no_more_once_nothing_moves_and_says_so() -> None:
    renewals: list[int] = []
    with Lease(UPLOAD, renewals.append, seconds=0.2, stall_seconds=0.4) as lease:
        eventually(lambda: len(renewals) >= 2)
        time.sleep(0.6)
        count = len(renewals)
        time.sleep(0.3)
        assert len(renewals) == count
        with pytest.raises(Stalled, match=r"nothing moved for 0\.4 s"):
            lease.check()


def test_what_moves_slowly_keeps_its_lease() -> None:
    with Lease(UPLOAD, lambda _: None, seconds=0.2, stall_seconds=0.3) as lease:
        for _ in range(10):
            time.sleep(0.1)
            lease.moved()
        lease.check()


def test_a_block_that_hangs_is_abandoned_one_lease_after_it_stalled() -> None:
    abandoned = threading.Event()
    with Lease(UPLOAD, lambda _: None, seconds=0.2, stall_seconds=0.2, abandon=abandoned.set):
        assert abandoned.wait(10)


def lose(_: int) -> None:
    raise LeaseLost("taken over")


def refuse(_: int) -> None:
    raise DatabaseRefused("permission denied")


@pytest.mark.parametrize("renew", [lose, refuse, lambda _: time.sleep(3)])
def test_a_block_that_hangs_is_abandoned_whatever_became_of_its_lease(
    renew: Callable[[int], None],
) -> None:
    abandoned = threading.Event()
    with Lease(UPLOAD, renew, seconds=0.2, stall_seconds=0.6, abandon=abandoned.set):
        assert abandoned.wait(2)


def test_a_lasting_error_of_the_database_is_no_end_of_renewing() -> None:
    outcomes = iter([DatabaseRefused("permission denied"), None])
    renewed = threading.Event()

    def once_refused(_: int) -> None:
        if error := next(outcomes, None):
            raise error
        renewed.set()

    with Lease(UPLOAD, once_refused, seconds=1) as lease:
        assert renewed.wait(5)
        lease.check()


def test_a_block_that_ends_in_time_is_not_abandoned() -> None:
    abandoned = threading.Event()
    with Lease(UPLOAD, lambda _: None, seconds=1, stall_seconds=0.1, abandon=abandoned.set):
        time.sleep(0.5)
    assert not abandoned.wait(1.5)


def test_a_lease_counts_from_when_it_was_asked_for() -> None:
    answered_late = Lease(UPLOAD, lambda _: None, seconds=60, asked_at=time.monotonic() - 61)
    assert is_lost(answered_late)
