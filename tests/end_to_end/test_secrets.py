"""A working installation whose credentials fail writes no secret to a row, a log or a file."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect, make_url, text

from tests.end_to_end.cluster import Cluster
from tests.servers.faults import AnswerError
from worker.models.upload import UploadState

SECRET = "Canary4711Canary"
#: Prints credentials that have to be renewed at once, until the file `broken` is there.
CREDENTIALS = f"""
import json, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
if Path(__file__).with_name("broken").exists():
    sys.exit("SecretAccessKey={SECRET}")
soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
key = {{"AccessKeyId": "a", "SecretAccessKey": "{SECRET}", "Expiration": soon}}
print(json.dumps({{"Version": 1, **key}}))
"""


def rows_with(running: Cluster, secret: str) -> list[str]:
    """Each table that has the text in any column, of any row."""
    with running.engine.begin() as connection:
        return [
            table
            for table in inspect(connection).get_table_names()
            if connection.scalar(
                text(f'SELECT count(*) FROM "{table}" AS row WHERE row::text LIKE :secret'),
                {"secret": f"%{secret}%"},
            )
        ]


def files_with(directory: Path, secret: str) -> list[Path]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return [path for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.thorough("waits for attempts that fail")
@pytest.mark.parametrize("how", ["refused by S3", "credential_process"])
def test_credentials_that_fail_are_not_written_anywhere(
    running: Cluster, how: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    aws = tmp_path_factory.mktemp("aws")
    (aws / "credentials.py").write_text(CREDENTIALS)
    process = f"{sys.executable} {aws / 'credentials.py'}"
    (aws / "config").write_text(f"[default]\ncredential_process = {process}\n")
    path = running.results / "RUN4"
    path.mkdir()
    (path / "out.csv").write_text("1,2\n")
    database = make_url(running.database_url).set(password=SECRET)
    settings = {"ONEPREFIX_DATABASE_URL": database.render_as_string(hide_password=False)}
    if how == "refused by S3":
        settings["AWS_SECRET_ACCESS_KEY"] = SECRET
        running.strict.proxy.fault(
            lambda request: request.operation == "PutObject",
            AnswerError(403, "SignatureDoesNotMatch"),
        )
    else:
        settings |= {"AWS_CONFIG_FILE": str(aws / "config"), "AWS_PROFILE": "default"}
        settings |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    running.start_worker(ONEPREFIX_MAX_ATTEMPTS="2", **settings)
    (aws / "broken").touch()
    running.send(12, 4, str(path))
    row = running.wait_for(12, 4, UploadState.FAILED)
    assert row.error
    assert running.log().count("received") <= 3
    running.stop()
    broker = running.broker.passwords["worker"]
    for secret in (SECRET, broker):
        assert rows_with(running, secret) == []
    assert files_with(running.directory / "data", SECRET) == []
    for secret in (SECRET, broker):
        assert secret not in running.log()
