"""`oneprefix metrics`: how the installation stands, once."""

from pathlib import Path

import pytest
from sqlalchemy import text

from tests.cli.command import Command
from tests.servers.scrape import samples
from worker.database.engine import make_engine


@pytest.fixture
def with_an_upload(oneprefix: Command, tmp_path: Path) -> Command:
    assert oneprefix("db", "upgrade").code == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'data' / 'oneprefix.db'}")
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO uploads (job_id, run_id, path) VALUES (12, 4, '/results/RUN4')")
        )
    engine.dispose()
    return oneprefix


def test_it_prints_what_prometheus_reads(with_an_upload: Command) -> None:
    answer = with_an_upload("metrics")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("\n")
    found = samples(answer.out.encode())
    assert found["oneprefix_uploads", "REQUESTED"] == 1
    assert "RUN4" not in answer.out


def test_it_prints_the_same_as_json(with_an_upload: Command) -> None:
    told = with_an_upload("metrics", "--json").json
    assert told["uploads"]["REQUESTED"]["count"] == 1
    assert told["ended_uploads"]["LANDED"] == {"ever": 0, "present": 0}


def test_a_database_that_lacks_the_totals_is_a_line_and_no_metrics(oneprefix: Command) -> None:
    answer = oneprefix("metrics")
    assert (answer.code, answer.out) == (1, "")
    assert "oneprefix db upgrade" in answer.err
