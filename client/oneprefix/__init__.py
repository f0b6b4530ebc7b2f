"""Ask oneprefix to upload the results of simulation runs.

Importing this connects to nothing, reads no setting, and imports neither SQLAlchemy nor Celery.
"""

from oneprefix.asking import cancel, enqueue, enqueue_many, status, wait
from oneprefix.errors import (
    DatabaseRefused,
    DatabaseUnavailable,
    InvalidRequest,
    InvalidSettings,
    OneprefixError,
    StillUnderWay,
)
from oneprefix.upload import Enqueued, Upload

__all__ = [
    "DatabaseRefused",
    "DatabaseUnavailable",
    "Enqueued",
    "InvalidRequest",
    "InvalidSettings",
    "OneprefixError",
    "StillUnderWay",
    "Upload",
    "cancel",
    "enqueue",
    "enqueue_many",
    "status",
    "wait",
]
