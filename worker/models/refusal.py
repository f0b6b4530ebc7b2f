"""A message that makes no request, with what can be kept of it."""

from dataclasses import dataclass

from worker.models.upload_request import MAX_ID

#: Characters kept of a path or an error.
MAX_TEXT = 5000


@dataclass(frozen=True, slots=True)
class Refusal:
    job_id: int | None
    run_id: int | None
    path: str
    reason: str
    task_id: str | None = None

    @classmethod
    def of(
        cls, job_id: object, run_id: object, path: object, *, reason: str, task_id: str | None
    ) -> "Refusal":
        """A refusal of arguments of unknown type; an id that no column can hold becomes None."""
        return cls(
            job_id=_column_id(job_id),
            run_id=_column_id(run_id),
            path=storable(path if isinstance(path, str) else repr(path)),
            reason=storable(f"job {job_id!r:.40}, run {run_id!r:.40}: {reason}"),
            task_id=task_id,
        )


def _column_id(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_ID:
        return None
    return value


def storable(text: str) -> str:
    """The text as every database takes it: no NUL, no lone surrogates, not endless."""
    return text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()[:MAX_TEXT]
