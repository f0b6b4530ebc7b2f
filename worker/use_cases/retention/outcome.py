"""The outcome of a bulk operation for one of its objects."""

from dataclasses import dataclass

from worker.errors import OneprefixError


@dataclass(frozen=True, slots=True)
class Outcome:
    key: str
    size: int
    """Bytes."""
    state: str
    error: str | None = None

    @classmethod
    def of(cls, key: str, size: int, result: str | OneprefixError) -> "Outcome":
        """`result`: the object's new state, or the error that kept it from one."""
        if isinstance(result, OneprefixError):
            return cls(key, size, "failed", str(result))
        return cls(key, size, result)
