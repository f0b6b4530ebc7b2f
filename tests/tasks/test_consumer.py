"""A worker's own consumer, with a broker that is nothing but memory."""

import subprocess
import sys
from pathlib import Path

from tests.tasks.test_surroundings import environment

#: Sends what is malformed, and a message, to the worker of the same process.
SCRIPT = """
import json, os, signal, threading, time
from base64 import b64decode
from tasks import app
from tests.tasks.messaging.malformed import MALFORMED

def send_all():
    with app.connection() as connection, connection.Producer() as producer:
        while not connection.default_channel.state.exchanges.get("uploads"):
            time.sleep(0.05)
        for entry in MALFORMED.values():
            try:
                told = json.loads(entry)
                body = b64decode(told["body"])
                headers = told["headers"] if isinstance(told["headers"], dict) else {}
                producer.publish(
                    body, routing_key="uploads", exchange="uploads", headers=headers,
                    content_type=told["content-type"], content_encoding=told["content-encoding"],
                )
            except Exception as error:
                print("not sent:", repr(error)[:99])
    # its path is relative, so that it needs no S3
    app.send_task("tasks.package_and_upload", args=[12, 4, "relative"], task_id="good")

def stop(**_):
    os.kill(os.getpid(), signal.SIGTERM)

from celery.signals import task_postrun
task_postrun.connect(lambda task_id, **_: task_id == "good" and stop(), weak=False)
threading.Thread(target=send_all, daemon=True).start()
app.worker_main(["worker", "--loglevel=INFO", "--pool=solo"])
"""


def test_no_malformed_message_stops_a_worker_of_any_broker(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment(tmp_path, "memory://"),
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "job 12 run 4: received" in done.stdout
    assert done.stdout.count("a malformed message to 'uploads' is rejected: ") > 100
    assert done.stdout.count("Unrecoverable") == 0
