"""Uploads and orders of the whole installation at one moment, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.models.order import OrderState
from worker.models.upload import UploadState


@dataclass(frozen=True, slots=True)
class Ended:
    """What has come to be in a state in which it is over."""

    ever: int = 0
    """Never falls, whatever becomes of the rows."""
    present: int = 0
    """Rows in that state now."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What is in a state in which it is not over."""

    count: int = 0
    oldest: float = 0.0
    """Seconds since the oldest was asked for, but not before its time; 0 without any."""
    overdue: float = 0.0
    """Seconds for which the first that is due has waited for a worker; 0 if none is due."""


@dataclass(frozen=True, slots=True)
class IncompleteUploads:
    """S3's incomplete multipart uploads that rows name."""

    held: int
    """By attempts that are under way."""
    resumable: int
    """By uploads that wait for their next attempt."""
    left: int
    """By uploads that are over: recovery is to abort them."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    uploads: Mapping[UploadState, UnderWay]
    ended_uploads: Mapping[UploadState, Ended]
    landed_bytes: int
    """Of the archives that have landed, ever."""
    refused_messages: int
    """Ever."""
    expired_leases: int
    """Uploads whose worker let the lease run out, and no other has taken yet."""
    incomplete_uploads: IncompleteUploads
    orders: Mapping[OrderState, UnderWay]
    ended_orders: Mapping[OrderState, Ended]
