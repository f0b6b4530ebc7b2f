"""Refuse to start a worker whose settings would break what uploads rely on."""

from typing import Any

from worker.errors import InvalidSettings

#: Celery's settings that options of the command line or environment must not change, and why.
_REQUIRED = {
    "task_acks_late": (True, "a worker that dies would lose its messages"),
    "task_reject_on_worker_lost": (True, "a process that dies would lose its message"),
    "worker_prefetch_multiplier": (1, "small uploads would wait behind large ones"),
    "worker_cancel_long_running_tasks_on_connection_loss": (
        False,
        "a broken connection would end every upload under way",
    ),
    "worker_consumer": (
        "tasks.worker_process.consumer:Consumer",
        "a malformed message would stop the worker",
    ),
    "accept_content": (["json"], "a message could run any code"),
    "task_serializer": ("json", "workers could not read each other's messages"),
}


def require_guarantees(conf: Any, options: dict[str, Any]) -> None:
    """Raise InvalidSettings that names each of the worker's settings that breaks a guarantee.

    `options`: those of the command line, which Celery does not write to its configuration.
    """
    chosen = {name: conf[name] for name in _REQUIRED}
    if options.get("prefetch_multiplier") is not None:
        chosen["worker_prefetch_multiplier"] = options["prefetch_multiplier"]
    broken = [
        f"{name} is {chosen[name]!r}, not {wanted!r}: {why}"
        for name, (wanted, why) in _REQUIRED.items()
        if chosen[name] != wanted
    ]
    if broken:
        raise InvalidSettings(f"these settings of Celery can't be changed: {'; '.join(broken)}")
