"""Ask for uploads from a program beside the workers."""

from tasks.app import app
from tasks.messaging.publisher import CeleryPublisher
from tasks.services import services
from worker.models.upload import Upload


def enqueue(job_id: int, run_id: int, path: str, *, replace: bool = False) -> Upload:
    """The upload's row. Once this returns, the upload lands or ends FAILED with its reason.

    Raises InvalidRequest for arguments that make no request; DatabaseUnavailable or
    DatabaseRefused if there is no row. A broker that does not answer, or that no setting names
    here, is no error: the workers publish the message for the row.
    """
    enqueue_upload = services().enqueue_upload(CeleryPublisher(app))
    return enqueue_upload(job_id, run_id, path, replace=replace)
