"""A multipart upload that copies a landed object is told from one that was left behind."""

from sqlalchemy import Engine

from tests.worker.database.landed import claim, row
from worker.database.uploads.multipart_ids import SqlMultipartIds
from worker.models.upload import Upload


def test_a_copys_multipart_upload_is_no_orphan_while_the_copy_may_go_on(
    engine: Engine, landed: Upload
) -> None:
    multipart_ids = SqlMultipartIds(engine)
    multipart_ids.begin_copy(landed, "m")
    assert row(engine, 4).multipart_upload_id == "m"
    assert multipart_ids.of_ended_uploads() == []
    multipart_ids.end_copy(landed, "another")
    assert row(engine, 4).multipart_upload_id == "m"
    multipart_ids.end_copy(landed, "m")
    assert (row(engine, 4).multipart_upload_id, row(engine, 4).lease_until) == (None, None)
    multipart_ids.begin_copy(landed, "m")
    assert claim(engine, 4, replace=True).multipart_upload_id == "m"  # a new upload aborts it
