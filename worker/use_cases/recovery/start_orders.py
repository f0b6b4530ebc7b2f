"""Have due orders carried out by a process of their own, which ends when none is left."""

from collections.abc import Callable
from dataclasses import dataclass

from worker.use_cases.recovery.ports import Orders


@dataclass(frozen=True, slots=True)
class StartOrders:
    orders: Orders
    ensure_process: Callable[[], None]
    """Starts the process that carries orders out, unless it runs."""

    def __call__(self) -> int:
        """Return whether an order is due, as 0 or 1."""
        is_due = bool(self.orders.due(limit=1))
        if is_due:
            self.ensure_process()
        return is_due
