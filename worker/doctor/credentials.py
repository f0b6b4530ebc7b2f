"""Where the S3 client's credentials come from, and how long they last."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from worker.doctor.finding import Diagnosis, ok, warning

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: A large upload may take longer.
SHORT_LIFE = timedelta(hours=1)


def credentials(client: "S3Client") -> Diagnosis:
    # private, as the pinned botocore has it; a test asks this way
    found: Any = client._request_signer._credentials  # type: ignore[attr-defined]  # noqa: SLF001
    ends = getattr(found, "_expiry_time", None)
    left = ends - datetime.now(UTC) if ends else None
    return diagnose_credentials(found.method, left, is_temporary=found.token is not None)


def diagnose_credentials(method: str, left: timedelta | None, *, is_temporary: bool) -> Diagnosis:
    """`method`: their source, by botocore's name; `left`: how long they stay valid, if known."""
    if left is None and not is_temporary:
        return ok(f"from {method}; they do not expire")
    renewed = "give workers a role, whose credentials are renewed"
    if left is None:
        return warning(f"from {method}; temporary, and their expiry is unknown", renewed)
    minutes = int(left.total_seconds() // 60)
    if method == "env" and left < SHORT_LIFE:
        return warning(f"from {method}; they expire in {minutes} min", renewed)
    return ok(f"from {method}, for {minutes} min" + ("" if method == "env" else ", then renewed"))
