"""Carries out one order: claims it, does its work under a lease, and records how it ended."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from random import Random
from time import monotonic

from worker.errors import AttemptsExhausted, HandedBack, LeaseLost, OneprefixError, TransientError
from worker.models.order import Order
from worker.redaction import redacted
from worker.use_cases.lease import Lease
from worker.use_cases.orders.ports import Orders, Tell, Work
from worker.use_cases.retry_policy import RetryPolicy

log = logging.getLogger("oneprefix.orders")

#: Seconds between two tellings of an order's progress, unless another hundredth is done.
TELL_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class CarryOutOrder:
    orders: Orders
    work: Work
    owner: str
    """This process, as `worker.process.identity` names it."""
    lease_seconds: float
    retry_policy: RetryPolicy
    random: Random

    def __call__(
        self,
        order_id: str,
        told: Callable[[Order, int, int], None] = lambda _order, _done, _total: None,
        must_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Carry the order out if it is due. Its row tells how it ended; nothing is raised for it.

        `told` is called now and then with the order's progress. Once `must_stop`, the order is
        handed back. Raises DatabaseUnavailable or DatabaseRefused if it can't be claimed.
        """
        asked_at = monotonic()
        order = self.orders.claim(order_id, owner=self.owner, lease=self.lease_seconds)
        if order is None:
            return
        progress = _Progress(lambda done, total: told(order, done, total))
        lease = Lease(
            order,
            lambda done: self.orders.renew(
                order, lease=self.lease_seconds, done=done, total=progress.total
            ),
            seconds=self.lease_seconds,
            asked_at=asked_at,
        )
        lease.progress = lambda: progress.done

        def tell(done: int, total: int) -> None:
            lease.check()
            if must_stop():
                raise HandedBack("handed back by a worker that stops")
            progress(done, total)

        try:
            with lease:
                result = self._done(order, tell)
            self.orders.finish(order, result, done=progress.done)
            log.info("%s: done: %s", order.title, told_of(result))
        except Exception as error:  # noqa: BLE001  the row tells it
            self._record(order, error)

    def _done(self, order: Order, tell: Tell) -> Mapping[str, int]:
        if order.attempt > self.retry_policy.max_attempts:
            tries = order.attempt - 1
            why = f"gave up after {tries} attempts; the last one's process died"
            raise AttemptsExhausted(why)
        return self.work(order, tell)

    def _record(self, order: Order, error: Exception) -> None:
        """Write how the attempt failed. If that fails too, the lease runs out."""
        if isinstance(error, OneprefixError):
            reason = redacted(error.concerning(job_id=order.job_id) if order.job_id else error)
            log.warning("%s: %s", order.kind, reason)
        else:
            reason = redacted(f"unexpected {type(error).__name__}: {error}")
            log.error("%s: %s", order.title, reason, exc_info=error)
        try:
            match error:
                case LeaseLost():
                    pass  # the row is another process's, or tells that the order was cancelled
                case HandedBack():
                    self.orders.hand_back(order)
                case _ if self._may_help(order, error):
                    delay = self.retry_policy.delay(order.attempt, self.random)
                    self.orders.retry(order, error=reason, delay=delay)
                case _:
                    self.orders.fail(order, error=reason)
        except OneprefixError as unwritten:
            log.warning("%s: it could not be recorded: %s", order.title, redacted(unwritten))

    def _may_help(self, order: Order, error: Exception) -> bool:
        """Whether another attempt may succeed where this one failed."""
        is_known = isinstance(error, OneprefixError)
        has_left = order.attempt < self.retry_policy.max_attempts
        return has_left and (isinstance(error, TransientError) or not is_known)


@dataclass(slots=True)
class _Progress:
    """Keeps how far the work is, and passes it on when it is worth telling."""

    tell: Tell
    done: int = 0
    total: int | None = None
    _told_at: float = field(default=-inf, init=False)

    def __call__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        is_step = done % max(1, total // 100) == 0 or done == total
        if done and (is_step or monotonic() - self._told_at >= TELL_EVERY):
            self._told_at = monotonic()
            self.tell(done, total)


def told_of(result: Mapping[str, int]) -> str:
    """The result in one line."""
    return ", ".join(f"{count:,} {how}" for how, count in result.items()) or "nothing to do"
