"""An S3 server for trying, with a bucket that this process' settings and its children's name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

#: Variables that would send requests elsewhere, or with other credentials.
_OTHERS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION")


@contextmanager
def local_s3(bucket: str) -> Iterator[dict[str, str]]:
    """Yield the variables, set in this process, by which everything reaches the server's bucket.

    The bucket is made; what it holds is gone with the block. Raises InvalidSettings.
    """
    from worker.embedded.s3_server import s3_server
    from worker.storage.client import make_client
    from worker.storage.objects.bucket import Bucket

    with s3_server() as endpoint:
        variables = {
            "ONEPREFIX_S3_BUCKET": bucket,
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        for name in (*_OTHERS, *(each for each in os.environ if each.lower().endswith("_proxy"))):
            os.environ.pop(name, None)
        os.environ |= variables
        Bucket(make_client(), bucket).create()
        yield variables


@contextmanager
def told_in(file: Path, variables: dict[str, str]) -> Iterator[None]:
    """Keep the variables in a file that a shell can read, while the block runs."""
    lines = [f"export {name}={quote(value)}\n" for name, value in variables.items()]
    file.write_text("".join(lines))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
