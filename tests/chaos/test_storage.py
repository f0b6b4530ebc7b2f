"""S3 in every kind of trouble, for a while and in the midst of uploads."""

import time
from pathlib import Path
from random import Random

import pytest

from tests.chaos.aftermath import aftermath
from tests.chaos.audit import all_over, audit, completed_twice, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note
from tests.chaos.fleet import Fleet
from tests.chaos.runs import MIB, SLOWLY, make_run, path_of
from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import (
    Action,
    AnswerError,
    CorruptBody,
    DropAnswer,
    HalfAnswer,
    Hang,
    LieAboutETag,
    ResetConnection,
    S3Request,
)

PARTS, COMPLETION = ("UploadPart",), ("CompleteMultipartUpload",)
SENDING = ("PutObject", "UploadPart", "CreateMultipartUpload")
TROUBLES: dict[str, tuple[tuple[str, ...], Action]] = {
    "500": (SENDING, AnswerError(500, "InternalError")),
    "503 SlowDown": (SENDING, AnswerError(503, "SlowDown")),
    "a reset in the midst of a part": (PARTS, ResetConnection()),
    # (an upload that was created, but whose id got lost, takes a minute to be aborted)
    "half an answer": (SENDING if LONG else ("PutObject", "UploadPart"), HalfAnswer()),
    "a part that hangs": (PARTS, Hang(20)),
    "credentials that expire": (SENDING, AnswerError(400, "ExpiredToken")),
    "404 NoSuchUpload": (PARTS, AnswerError(404, "NoSuchUpload")),
    "a part whose ETag lies": (PARTS, LieAboutETag()),
    "bytes that change on the way": (SENDING, CorruptBody()),
    "a completion of 200 that holds an error": (COMPLETION, AnswerError(200, "InternalError")),
    "a completion whose answer is lost": (COMPLETION, DropAnswer()),
}
SIZES = (1000, 9 * MIB, 30 * MIB)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", TROUBLES)
def test_a_store_in_trouble_loses_and_doubles_nothing(
    running: Cluster, dice: Random, name: str
) -> None:
    operations, action = TROUBLES[name]
    troubled: list[str] = []

    def is_hit(request: S3Request) -> bool:
        hit = request.operation in operations and (not troubled or dice.random() < 0.5)
        if hit:
            troubled.append(request.operation)
        return hit

    with running.engine.begin() as connection:
        for run_id, size in enumerate(SIZES * (3 if LONG else 1), 101):
            make_run(running.results / f"RUN{run_id}", size, dice)
            connection.exec_driver_sql("INSERT INTO runs (id, job_id) VALUES (%s, 12)", (run_id,))
    running.strict.proxy.fault(is_hit, action, times=60 if LONG else 12)
    with Fleet(running, 2) as fleet:
        for run_id in range(101, 101 + len(SIZES) * (3 if LONG else 1)):
            running.send(12, run_id, path_of(running, run_id))
        eventually(lambda: troubled, "trouble")
        began = time.time()
        settle(running, len(SIZES) * (3 if LONG else 1), seconds=600 if LONG else 240)
    audit(running)
    assert completed_twice(running) == 0
    note(
        f"S3: {name}",
        times=len(troubled),
        **aftermath(running, began),
        restarts=fleet.restarts,
    )


@pytest.mark.parametrize(
    "answer",
    [AnswerError(403, "InvalidAccessKeyId"), *([AnswerError(400, "ExpiredToken")] if LONG else [])],
    ids=lambda answer: answer.code,
)
def test_keys_that_end_before_their_file_is_replaced_cost_no_upload(
    running: Cluster, dice: Random, answer: AnswerError, tmp_path: Path
) -> None:
    ended: list[str] = []
    file = tmp_path / "credentials"

    def write(key: str) -> None:
        file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n")

    write("OLD")
    environment = SLOWLY | {
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    ids = list(range(101, 113))
    with running.engine.begin() as connection:
        for run_id in ids:
            make_run(running.results / f"RUN{run_id}", dice.choice(SIZES[:2]), dice)
            connection.exec_driver_sql("INSERT INTO runs (id, job_id) VALUES (%s, 12)", (run_id,))
    running.strict.proxy.fault(lambda request: request.access_key in ended, answer)
    with Fleet(running, 2, environment=environment) as fleet:
        for run_id in ids:
            running.send(12, run_id, path_of(running, run_id))
        eventually(
            lambda: running.scalar("SELECT count(*) FROM uploads WHERE state = 'LANDED'"), "one"
        )
        began = time.time()
        ended.append("OLD")
        time.sleep(8)
        write("NEW")
        all_over(running, len(ids), 90)
        settle(running, len(ids))
    audit(running)
    note(
        f"S3: keys end 8 s before their file is replaced, {answer.code}",
        **aftermath(running, began),
        restarts=fleet.restarts,
    )
