"""Where an artifact may be got for a while by whoever has this: it is as good as a credential."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DownloadLocation:
    url: str = field(repr=False)
    key: str
    size: int
    storage_class: str
    file_name: str
    """Under which browsers and `curl -OJ` store it."""
    expires_at: datetime
