"""Who can send messages moves and deletes nothing and, if so set, uploads nothing: rows ask."""

import subprocess
import sys

import pytest
from celery import signature
from sqlalchemy import text

from tests.end_to_end.cluster import Cluster, eventually
from tests.end_to_end.test_orders import is_in, make_run, put, send, stored
from tests.servers.postgres import with_least_rights
from worker.models.order import OrderState
from worker.models.upload import UploadState

GIVE = """
from tasks import give_order
print(give_order("delete", 12, by="ada", confirm="12").id)
"""


def given(running: Cluster) -> str:
    """The id of the order that a program in an operator's role gives."""
    owners_url = running.engine.url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-c", GIVE],
        cwd=running.directory,
        env=running.environment
        | {"ONEPREFIX_DATABASE_URL": with_least_rights(owners_url, "operator")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("delete", (12, "12", "ada")),
        ("archive", (12, "GLACIER", 0, "attackers-bucket")),
        ("restore", (12, 7)),
        ("migrate", (12,)),
    ],
)
def test_a_message_alone_moves_and_deletes_nothing(
    running: Cluster, kind: str, arguments: tuple[object, ...]
) -> None:
    running.start_worker()
    put(running, "job_config.json")
    refused = is_in(running, send(running, kind, *arguments), OrderState.FAILED)
    assert refused.error
    assert "orders give" in refused.error or "ONEPREFIX_ORDER_BUCKETS" in refused.error
    eventually(lambda: running.scalar("SELECT answered_at FROM job_orders"), "it is told")
    assert stored(running) == {"job_config.json"}
    assert running.scalar("SELECT count(*) FROM deletions") == 0


def test_what_an_uploads_message_wants_to_follow_deletes_nothing(running: Cluster) -> None:
    running.start_worker()
    path = make_run(running, 4)
    deletion = signature(
        "tasks.delete_job", (12, "12", "ada"), immutable=True, queue="oneprefix.orders"
    )
    with running.producer as producer:
        producer.send_task(
            "tasks.package_and_upload", (12, 4, path), queue="uploads", link=deletion
        )
    eventually(lambda: running.scalar("SELECT error FROM job_orders"), "it is refused")
    assert running.scalar("SELECT state FROM job_orders") == "FAILED"
    assert stored(running) == {"run_4_results.zip"}


def test_a_row_is_an_order_and_a_message_rings_for_it(running: Cluster) -> None:
    put(running, "job_config.json")
    order_id = given(running)
    send(running, "delete", 12, "12", "somebody else", task_id=order_id)
    running.start_worker()
    done = is_in(running, order_id, OrderState.DONE)
    assert (done.given_by, done.given_as) == ("ada", "operator_of_the_tests")
    assert stored(running) == set()
    assert running.scalar("SELECT who FROM deletions") == "ada as operator_of_the_tests"


def test_a_row_of_sql_names_a_bucket_of_the_list_or_fails(running: Cluster) -> None:
    running.strict.upstream.create_bucket(Bucket="cold")
    put(running, "job_config.json")
    running.start_worker(ONEPREFIX_ORDER_BUCKETS="warm, cold")
    give = text(
        "INSERT INTO job_orders (id, kind, job_id, arguments)"
        " VALUES (:bucket, 'archive', 12, :arguments)"
    )
    with running.engine.begin() as connection:
        for bucket in ("cold", "attackers"):
            told = f'{{"job_id": 12, "to_bucket": "{bucket}"}}'
            connection.execute(give, {"bucket": bucket, "arguments": told})
    assert is_in(running, "cold", OrderState.DONE).result == {"moved to cold, in GLACIER": 1}
    failed = is_in(running, "attackers", OrderState.FAILED)
    assert failed.error
    assert "orders may not name the bucket 'attackers'" in failed.error


def test_who_is_no_operator_gives_no_order_by_sql(running: Cluster) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GIVE],
        cwd=running.directory,
        env=running.producers_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "DatabaseRefused" in done.stderr
    assert "permission denied" in done.stderr


class TestWithRowsAlone:
    """`ONEPREFIX_REQUIRE_ROW`: a message asks for no upload."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"ONEPREFIX_REQUIRE_ROW": "true"}

    def test_a_message_without_a_row_uploads_nothing_and_says_why(self, running: Cluster) -> None:
        running.start_worker()
        path = make_run(running, 4)
        running.send(12, 4, path)
        running.send(12, "no number", path)
        running.send(12, 4)
        eventually(lambda: running.log().count(" raised ") == 3, "they are refused")
        assert "ONEPREFIX_REQUIRE_ROW is set" in running.log()
        assert running.scalar("SELECT count(*) FROM uploads") == 0
        assert stored(running) == set()

    def test_rows_land_and_no_message_changes_them(self, running: Cluster) -> None:
        running.start_worker()
        path, other = make_run(running, 4), make_run(running, 5)
        running.enqueue(12, 4, path)
        first = running.wait_for(12, 4)
        running.send(12, 4, other, replace=True)
        running.send(12, 4, "no path")
        eventually(lambda: running.log().count(" received") == 3, "they were received")
        eventually(lambda: running.log().count(" succeeded") == 2, "it is answered")
        assert running.row(12, 4) == first

    def test_a_message_for_a_row_that_has_failed_does_not_renew_it(self, running: Cluster) -> None:
        running.start_worker()
        running.enqueue(12, 4, "/etc")
        failed = running.wait_for(12, 4, UploadState.FAILED)
        running.send(12, 4, make_run(running, 4))
        eventually(lambda: running.log().count(" raised ") >= 2, "it was answered")
        row = running.row(12, 4)
        assert row
        assert (row.state, row.path) == (UploadState.FAILED, failed.path)
