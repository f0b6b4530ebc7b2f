"""How far S3 is with making an archived object readable."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RestoreState:
    is_archived: bool
    """Whether it was ever to be restored at all."""
    is_under_way: bool = False
    readable_until: datetime | None = None
