"""An S3 server in memory, moto's, for the demo: no credentials are checked, no data is kept.

Needs the extra `demo`: `pip install 'oneprefix[demo]'`.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from worker.embedded.loopback import HOST, free_port
from worker.errors import InvalidSettings
from worker.process.child_process import spawn

#: Seconds. moto imports much before it listens.
START_TIMEOUT = 60


@contextmanager
def s3_server() -> Iterator[str]:
    """Yield the endpoint of a server that stops with the block.

    InvalidSettings if moto is not installed, or the server does not answer.
    """
    if find_spec("moto") is None:
        raise InvalidSettings("the demo's S3 server is missing: `pip install 'oneprefix[demo]'`")
    port = free_port()
    endpoint = f"http://{HOST}:{port}"
    process = spawn([sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)], quiet=True)
    try:
        _wait_until_it_answers(process, endpoint)
        yield endpoint
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_until_it_answers(process: subprocess.Popen[bytes], endpoint: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    direct = build_opener(ProxyHandler({}))  # past any proxy that the environment names
    while True:
        try:
            direct.open(f"{endpoint}/moto-api/", timeout=1).close()
        except (URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise InvalidSettings(
                    "the demo's S3 server did not start: `pip install 'oneprefix[demo]'`"
                ) from None
            time.sleep(0.05)
        else:
            return
