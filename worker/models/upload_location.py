"""Where an artifact may be put for a while by whoever has this: it is as good as a credential."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UploadLocation:
    url: str = field(repr=False)
    headers: Mapping[str, str]
    """Signed, so that a PUT has to send them as they are."""
    key: str
    expires_at: datetime
