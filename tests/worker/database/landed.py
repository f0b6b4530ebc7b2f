"""Claimed and landed uploads of job 12, made through the SQL repositories."""

from sqlalchemy import Engine

from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.requests import SqlRequestRepository
from worker.database.uploads.upload_list import SqlUploadList
from worker.models.upload import Upload
from worker.models.upload_request import UploadRequest

URL = "https://bucket.s3.amazonaws.com/k"


def claim(engine: Engine, run_id: int, lease: float = 60, *, replace: bool = False) -> Upload:
    request = UploadRequest(12, run_id, "/r", replace=replace)
    SqlRequestRepository(engine).request(request, published=True)
    claimed = SqlUploadRepository(engine).claim(12, run_id, owner="me", lease=lease)
    assert claimed
    return claimed


def land(engine: Engine, run_id: int, *, replace: bool = False) -> Upload:
    SqlUploadRepository(engine).land(claim(engine, run_id, replace=replace), results_url=URL)
    return row(engine, run_id)


def row(engine: Engine, run_id: int) -> Upload:
    found = SqlUploadList(engine).find(12, run_id)
    assert found
    return found
