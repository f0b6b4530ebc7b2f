"""What is measured of an attempt, and counted of recovery."""

from enum import StrEnum


class Stage(StrEnum):
    """The stages of an attempt that lands, in this order."""

    MEASURING = "measuring"
    """The directory is opened and walked."""
    SENDING = "sending"
    """It is packed, and the parts of a multipart upload are sent meanwhile."""
    COMPLETING = "completing"
    """The row is sealed, and the object put under its key: a small archive is sent here."""
    RECORDING = "recording"
    """The row becomes LANDED, and the run DONE."""


class Action(StrEnum):
    """What recovery does to an upload, a message or an order."""

    RELEASED = "lease_released"
    ORDER_RELEASED = "order_lease_released"
    LOST = "lost_message_found"
    REPUBLISHED = "message_republished"
    ANSWERED = "message_answered"
    ORDER_ANSWERED = "order_answered"
    TAKEN_UP = "spool_file_taken_up"
    EXPIRED = "expired_request_cancelled"
    ABORTED = "multipart_upload_aborted"
