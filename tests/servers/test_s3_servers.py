import base64
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.servers.processes import ServerDidNotStartError, running
from tests.servers.raw import ask
from tests.servers.s3 import S3Server

PRINT_OBJECT = """
import sys, boto3
sys.stdout.buffer.write(boto3.client("s3").get_object(Bucket=sys.argv[1], Key="k")["Body"].read())
"""

START_AND_WAIT = """
from tests.servers.s3 import moto_server
with moto_server() as server:
    print(server.endpoint, flush=True)
    input()
"""


def test_an_object_is_read_back_as_it_was_put(upstream: S3Server, bucket: str) -> None:
    client = upstream.client()
    client.put_object(Bucket=bucket, Key="k", Body=b"content")
    with client.get_object(Bucket=bucket, Key="k")["Body"] as body:
        assert body.read() == b"content"
    client.close()


def test_another_process_finds_the_server_by_its_environment(
    upstream: S3Server, bucket: str
) -> None:
    ask(upstream, "PUT", f"/{bucket}/k", b"content")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_OBJECT, bucket],
        env=environment | upstream.environment(),
        check=True,
        capture_output=True,
    )
    assert printed.stdout == b"content"


def test_rclone_refuses_a_signature_made_with_another_key(rclone: S3Server) -> None:
    client = replace(rclone, secret_key="another").client()
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client.list_buckets()
    client.close()


def test_both_makes_believe_a_wrong_checksum_which_is_why_the_proxy_is_there(
    upstream: S3Server, bucket: str
) -> None:
    wrong = {"x-amz-checksum-crc32": base64.b64encode(b"\0\0\0\0").decode()}
    assert ask(upstream, "PUT", f"/{bucket}/k", b"content", headers=wrong).status == 200


def test_a_server_that_does_not_start_shows_the_end_of_its_log() -> None:
    failing = [sys.executable, "-c", "raise SystemExit('no disk left')"]
    with pytest.raises(ServerDidNotStartError, match=r"ended with 1(?s:.*)no disk left"):
        running(failing).__enter__()


def test_a_server_that_stays_silent_is_given_up_and_ended() -> None:
    silent = [
        sys.executable,
        "-c",
        "import os, time; print(os.getpid(), flush=True); time.sleep(60)",
    ]
    with pytest.raises(ServerDidNotStartError, match="still runs") as caught:
        running(silent, start_seconds=0.5).__enter__()
    pid = int(str(caught.value).rpartition("\n")[0].rpartition("\n")[2])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_server_dies_with_the_process_that_started_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        address = urlsplit(starter.stdout.readline().strip()).netloc
        assert _answers(address)
        starter.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while _answers(address) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _answers(address)


def _answers(address: str) -> bool:
    connection = HTTPConnection(address, timeout=5)
    try:
        connection.connect()
    except ConnectionError:
        return False
    finally:
        connection.close()
    return True
