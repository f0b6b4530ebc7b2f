"""Ask for uploads, and give orders about whole jobs, from a program beside the workers."""

from datetime import datetime
from pathlib import PurePath
from typing import Any
from uuid import uuid4

from tasks.app import app
from tasks.messaging.publisher import CeleryPublisher
from tasks.services import services
from worker.errors import InvalidRequest
from worker.models.order import Order
from worker.models.upload import Upload


def enqueue(
    job_id: int,
    run_id: int,
    path: str | PurePath,
    *,
    replace: bool = False,
    countdown: float | None = None,
    eta: datetime | None = None,
    expires: float | datetime | None = None,
) -> Upload:
    """The upload's row. Once this returns, the upload lands or ends with its reason.

    As in Celery, `countdown` (seconds) or `eta` (a time) tell when an attempt may begin, and
    `expires` (either) when the upload is CANCELLED unless an attempt is under way or has succeeded.
    Seconds count on the database's clock.

    Raises InvalidRequest for arguments that make no request; DatabaseUnavailable or
    DatabaseRefused if there is no row. A broker that does not answer, or that no setting names
    here, is no error: the workers publish the message for the row.
    """
    publisher = CeleryPublisher(app, lambda: services().installation_id)
    enqueue_upload = services().enqueue_upload(publisher)
    if countdown is not None and eta is not None:
        raise InvalidRequest("give countdown or eta, not both", job_id=job_id, run_id=run_id)
    begins = eta if countdown is None else countdown
    upload = enqueue_upload(job_id, run_id, path, replace=replace, eta=begins, expires=expires)
    if publisher.is_eager:  # it is over by now
        return services().upload_list.find(upload.job_id, upload.run_id) or upload
    return upload


def give_order(kind: str, job_id: int, *, by: str, **arguments: Any) -> Order:
    """The row of an order about a whole job, which a worker carries out within seconds.

    `kind`: verify, archive, restore, delete or migrate; `arguments`: those of its task. `by`: who
    gives it, for the row and the record of deletions; PostgreSQL adds its role.

    With a result backend `AsyncResult(order.id)` has the outcome. Raises InvalidRequest for
    arguments that make no order; DatabaseUnavailable or DatabaseRefused if there is no row.
    """
    told = {"job_id": job_id, **arguments}
    return services().give_order.directly(str(uuid4()), kind, told, by=by)
