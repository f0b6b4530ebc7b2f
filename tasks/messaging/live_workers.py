"""Asks which workers are alive."""

from dataclasses import dataclass

from celery import Celery
from kombu.exceptions import OperationalError

from worker.errors import BrokerUnavailable

#: Seconds that a worker has to answer.
PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class LiveWorker:
    name: str
    """As Celery has it: `celery@host`."""
    pid: int
    """Of its main process."""
    processes: tuple[int, ...]
    """Their process ids; each carries out one upload at a time."""
    up_seconds: int


def live_workers(app: Celery, *, patience: float = PATIENCE) -> list[LiveWorker]:
    """Return the workers that answer within `patience` seconds, by name.

    One whose ONEPREFIX_REMOTE_CONTROL is `off` never does. Raises BrokerUnavailable.
    """
    try:
        answers = app.control.inspect(timeout=patience).stats() or {}
    except (OperationalError, OSError) as error:
        raise BrokerUnavailable(f"the broker does not answer: {error}") from error
    return [
        LiveWorker(name, told["pid"], tuple(told["pool"]["processes"]), told["uptime"])
        for name, told in sorted(answers.items())
    ]
