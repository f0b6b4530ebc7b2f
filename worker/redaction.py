"""Keeps credentials out of messages, logs and rows."""

import re

_SECRETS = re.compile(
    r"(?<=://)[^/@\s]+:[^/@\s]+(?=@)"
    r"|(?<=[?&]X-Amz-Signature=)[^&\s\"']+"
    r"|(?<=[?&]X-Amz-Credential=)[^&\s\"']+"
    r"|(?<=[?&]X-Amz-Security-Token=)[^&\s\"']+",
    re.IGNORECASE,
)


def redacted(text: object) -> str:
    """Replace a URL's `user:password` and the signature of a presigned URL by `***`."""
    return _SECRETS.sub("***", str(text))
