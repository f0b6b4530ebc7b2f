"""An S3 server in memory, moto's, for the demo: no credentials are checked, no data is kept.

Needs the extra `demo`: `pip install 'oneprefix[demo]'`.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from urllib.request import ProxyHandler, build_opener

from worker.embedded.loopback import HOST, free_port, wait_for
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
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    process = spawn(command, output=subprocess.DEVNULL)
    try:
        if not wait_for(lambda: _answers(endpoint), process, timeout=START_TIMEOUT):
            raise InvalidSettings(
                "the demo's S3 server did not start: `pip install 'oneprefix[demo]'`"
            )
        yield endpoint
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(endpoint: str) -> bool:
    direct = build_opener(ProxyHandler({}))  # past any proxy that the environment names
    try:
        direct.open(f"{endpoint}/moto-api/", timeout=1).close()
    except OSError:
        return False
    return True
