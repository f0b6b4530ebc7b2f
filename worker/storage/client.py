"""The S3 client: everything about where and as whom comes from the AWS SDK's own chain."""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.loaders import Loader, create_loader

from worker.storage.errors import translated_s3_errors

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: Seconds. A part of 8 MiB that makes no progress for a minute is better sent again.
CONNECT_TIMEOUT, READ_TIMEOUT = 5, 60
#: Tries of one request; beyond them the whole attempt is retried, later and elsewhere.
REQUEST_ATTEMPTS = 4


#: botocore reads only the second name; Lambda, ECS and the other SDKs set the first.
_VARIABLES: Any = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}


#: The same for those who only want to know whether it answers.
QUICK_TIMEOUT, QUICK_ATTEMPTS = 3, 2


def make_client(connections: int = 10, *, quick: bool = False) -> "S3Client":
    """A client that keeps so many connections to its endpoint; a quick one gives up in seconds.

    botocore's, as boto3 gives it, without what boto3 would add (`upload_file` and the like): that
    takes each process 40 ms and 3 MiB, and `boto3.s3.transfer` has it for those who need it.

    The bucket is in the host at Amazon, and in the path where another endpoint is named, since
    bucket.host mostly does not resolve there: botocore's own choice.
    """
    return make_client_and_credentials(connections, quick=quick)[0]


def make_client_and_credentials(
    connections: int = 10, *, quick: bool = False
) -> tuple["S3Client", Credentials | None]:
    """The client, and what it signs with; None where the chain ends without any."""
    with translated_s3_errors("making the S3 client"):
        session = botocore.session.Session(_VARIABLES)
        session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
        config = _config(connections)
        if quick:
            session.set_default_client_config(_QUICK)  # also where credentials are asked for
            config = config.merge(_QUICK)
        client = session.create_client("s3", config=config)
        return cast("S3Client", client), session.get_credentials()


_QUICK = Config(
    connect_timeout=QUICK_TIMEOUT,
    read_timeout=QUICK_TIMEOUT,
    retries={"mode": "standard", "total_max_attempts": QUICK_ATTEMPTS},
)


@cache
def _loader(data_path: str | None) -> Loader:
    """Keeps the SDK's descriptions of services and endpoints: to parse them takes 40 ms."""
    return create_loader(data_path)


def is_amazon(endpoint: str) -> bool:
    return endpoint.rstrip("/").endswith(".amazonaws.com")


def _config(connections: int) -> Config:
    return Config(
        signature_version="s3v4",
        max_pool_connections=connections,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": REQUEST_ATTEMPTS},
        # we send checksums of our own; botocore would compute another one over every part
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
