"""Which workers answer, asked beside the pages: a silent broker slows none of them down."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

#: Seconds for which an answer counts.
FRESH = 5.0


@dataclass(frozen=True, slots=True)
class Known:
    """`names` is None until the broker has answered, and while it does not."""

    names: tuple[str, ...] | None = None
    is_asked: bool = False
    """Whether any answer, or none in time, has come since the start."""


class Workers:
    """`ask` returns the names of the workers that answer; it may raise anything."""

    def __init__(self, ask: Callable[[], tuple[str, ...]]) -> None:
        self._ask = ask
        self._known = Known()
        self._asked_at = -FRESH
        self._asking = threading.Lock()

    def known(self) -> Known:
        """The latest answer, at once; a new one is asked for if that is old."""
        if monotonic() - self._asked_at >= FRESH and self._asking.acquire(blocking=False):
            threading.Thread(target=self._look, daemon=True).start()
        return self._known

    def _look(self) -> None:
        try:
            self._known = Known(self._ask(), is_asked=True)
        except Exception:  # noqa: BLE001  kombu's, redis' and amqp's: there is no list of them
            self._known = Known(None, is_asked=True)
        finally:
            self._asked_at = monotonic()
            self._asking.release()


def ask_celery() -> tuple[str, ...]:
    from tasks import app  # imports Celery, which is slow
    from tasks.messaging.live_workers import live_workers

    return tuple(each.name for each in live_workers(app))
