"""Where a run's results lie from now on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relocation:
    job_id: int
    run_id: int
    fence: int | None
    """Of its upload, as it was looked at; None if there was none."""
    was: frozenset[str]
    """The URLs that name the old location."""
    to: str | None
    """None if the results are gone."""
    why: str
