"""A foreign program's Celery: it asks for uploads, and its tasks note what they are called with."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery, chain, chord, group
from celery.canvas import Signature
from redis import Redis

#: The runs of job 13 whose uploads are asked for by each primitive of the canvas.
LINK, CHAIN, ERRBACK, MEMBERS, HEADER = 21, 22, 23, (24, 25), (26, 27)

app = Celery(
    "foreign",
    broker=os.environ.get("FOREIGN_BROKER"),
    backend=os.environ.get("FOREIGN_RESULTS"),
    set_as_current=False,
)
app.conf.task_default_queue = "callbacks"


@app.task(name="foreign.note")
def note(*values: Any) -> None:
    Redis.from_url(os.environ["FOREIGN_RESULTS"]).rpush("notes", json.dumps(values))


def noting(name: str, by: Celery = app) -> Signature:
    return by.signature("foreign.note", (name,), queue="callbacks")


def upload(directory: Path, run: int, by: Celery = app) -> Signature:
    arguments = 13, run, str(directory / f"RUN{run}")
    return by.signature("tasks.package_and_upload", arguments, immutable=True, queue="uploads")


def send_everything(directory: Path) -> None:
    def of(run: int) -> Signature:
        return upload(directory, run)

    of(LINK).apply_async(link=noting("link"))
    chain(of(CHAIN), noting("chain")).apply_async()
    of(ERRBACK).apply_async(link_error=noting("errback"))
    group(of(run) | noting("member") for run in MEMBERS).apply_async()
    chord([of(run) for run in HEADER], noting("chord")).apply_async()


if __name__ == "__main__":
    send_everything(Path(sys.argv[1]))
