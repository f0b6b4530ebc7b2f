"""Makes S3 clients; endpoint, region and credentials come from the AWS SDK's own chain."""

from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.loaders import Loader, create_loader

from worker.errors import StorageRefused
from worker.storage.answers import Answers
from worker.storage.errors import translated_s3_errors
from worker.storage.rotating_credentials import RotatingCredentials

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: Seconds. An answer without progress for that long is better asked for again.
CONNECT_TIMEOUT, READ_TIMEOUT = 5, 15
#: Seconds that a store may take to copy 512 MiB before it answers.
COPY_TIMEOUT = 60
#: Tries of one request. After the last, the whole attempt is retried later, by any worker.
REQUEST_ATTEMPTS = 4

#: botocore reads only the second name; Lambda, ECS and other SDKs set the first.
_VARIABLES: Any = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}


#: Of a client that only asks whether the store answers: it gives up after twice three seconds.
_QUICK = Config(
    connect_timeout=3, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
)


def make_client(connections: int = 10, *, quick: bool = False, copies: bool = False) -> "S3Client":
    """Make a client with at most that many connections; a quick one gives up within seconds.

    One that `copies` waits as long as a store needs to copy something within itself.

    The client is botocore's, without the methods that boto3 adds (`upload_file` and others): those
    take each process 40 ms and 3 MiB, and `boto3.s3.transfer` has them.

    botocore puts the bucket into the host at Amazon, and into the path at any other endpoint, where
    bucket.host mostly does not resolve.
    """
    return make_client_and_credentials(connections, quick=quick, copies=copies)[0]


def make_client_and_credentials(
    connections: int = 10,
    *,
    quick: bool = False,
    copies: bool = False,
    endpoint: str | None = None,
) -> tuple["S3Client", Credentials | None]:
    """Make a client, and return the credentials that it signs with; None if the chain has none.

    `endpoint`: another one than the chain's.
    """
    with translated_s3_errors("making the S3 client"):
        look_up = partial(_credentials, quick=quick)
        found = look_up()
        session = _session(quick=quick)
        config = Config(
            signature_version="s3v4",
            max_pool_connections=connections,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=COPY_TIMEOUT if copies else READ_TIMEOUT,
            tcp_keepalive=True,
            retries={"mode": "standard", "total_max_attempts": REQUEST_ATTEMPTS},
            # we send our own checksums; botocore would compute another one over every part
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        if quick:
            config = config.merge(_QUICK)
        if found is None:
            return _client(session, config, endpoint), None
        rotating = RotatingCredentials(found, look_up)
        session.register_component("credential_provider", rotating)
        client = _client(session, config, endpoint)
        events: Any = client.meta.events  # whose stub knows no handler that answers
        events.register("needs-retry.s3", rotating.retry_if_renewed)
        return client, found


def _client(session: botocore.session.Session, config: Config, endpoint: str | None) -> "S3Client":
    made = session.create_client("s3", config=config, endpoint_url=endpoint)
    client = cast("S3Client", made)
    if "@" in urlsplit(client.meta.endpoint_url).netloc:
        raise StorageRefused(
            "the S3 endpoint's URL holds a user or a password, which would be in every location:"
            " give keys as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    Answers().register(client)
    return client


def _session(*, quick: bool) -> botocore.session.Session:
    session = botocore.session.Session(_VARIABLES)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    if quick:
        session.set_default_client_config(_QUICK)  # also for requests for credentials
    return session


def _credentials(*, quick: bool) -> Credentials | None:
    """What botocore's chain finds now."""
    return _session(quick=quick).get_credentials()


@cache
def _loader(data_path: str | None) -> Loader:
    """Cache the SDK's descriptions of services and endpoints: parsing them takes 40 ms."""
    return create_loader(data_path)


def is_amazon(endpoint: str) -> bool:
    return endpoint.rstrip("/").endswith(".amazonaws.com")
