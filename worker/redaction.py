"""Keeps credentials out of what people read."""

import re

_SECRETS = re.compile(
    r"(?<=://)[^/@\s]+:[^/@\s]+(?=@)"
    r"|(?<=[?&]X-Amz-Signature=)[^&\s\"']+"
    r"|(?<=[?&]X-Amz-Credential=)[^&\s\"']+"
    r"|(?<=[?&]X-Amz-Security-Token=)[^&\s\"']+",
    re.IGNORECASE,
)


def without_secrets(text: object) -> str:
    return _SECRETS.sub("***", str(text))
