"""What carrying out orders asks of the database and of the use cases that it carries out."""

from collections.abc import Callable, Mapping
from typing import Protocol

from worker.models.order import Order

Tell = Callable[[int, int], None]
"""Called with how many objects, or runs, are done, and of how many."""


class Work(Protocol):
    def __call__(self, order: Order, tell: Tell, /) -> Mapping[str, int]:
        """Do what the order says to what is not younger; returns how many objects ended how.

        What an earlier attempt did is not done again. Raises what `tell` raises.
        """
        ...


class Orders(Protocol):
    """Rows of `job_orders`. All but `claim` raise LeaseLost once the order is another process's."""

    def claim(self, order_id: str, *, owner: str, lease: float) -> Order | None:
        """Take the order's lease; None if it is over, not yet due, or held by another process."""
        ...

    def renew(self, order: Order, *, lease: float, done: int, total: int | None) -> None:
        """Extend the lease, and record the progress."""
        ...

    def finish(self, order: Order, result: Mapping[str, int], *, done: int) -> None: ...

    def fail(self, order: Order, *, error: str) -> None: ...

    def retry(self, order: Order, *, error: str, delay: float) -> None:
        """Give the order up until `delay` seconds from now."""
        ...

    def hand_back(self, order: Order) -> None:
        """Make the order due at once, without using up an attempt."""
        ...
