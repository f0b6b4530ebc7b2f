"""The exposition from SQL, as Prometheus reads it."""

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from tests.worker.database.landed import claim, land
from worker.bootstrap.services import Services
from worker.database.jobs import add_job
from worker.models.upload import UploadState
from worker.settings import Settings

CREATED_AT = datetime(2025, 10, 23, 21, 15, tzinfo=UTC)


def test_the_exposition_tells_what_the_tables_hold(engine: Engine) -> None:
    add_job(engine, 12, CREATED_AT, [4, 5, 6])
    land(engine, 4)
    claim(engine, 5)
    services = Services(Settings(database_url=engine.url.render_as_string(hide_password=False)))
    body, content_type = services.metrics()
    services.engine.dispose()
    assert content_type.startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    for state in UploadState:
        assert samples["oneprefix_uploads", state] == (state in ("LANDED", "UPLOADING"))
    assert samples["oneprefix_uploads_ended_total", "LANDED"] == 1
    assert samples["oneprefix_landed_bytes_total",] == 0
    assert samples["oneprefix_build_info", "0.1.0"] == 1
