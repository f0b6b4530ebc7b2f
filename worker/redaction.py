"""Keeps credentials out of messages, logs and rows."""

import re

#: Fields of S3's answers in XML, and of settings in JSON or as assignments.
_FIELDS = re.compile(
    r"((?:AWSAccessKeyId|AccessKeyId|SecretAccessKey|SessionToken|SignatureProvided|StringToSign"
    r"|CanonicalRequest|aws_secret_access_key|aws_session_token|password)"
    r"(?:>|[\"']?\s*[:=]\s*[\"']?))([^<\"'\s&,;]+)",
    re.IGNORECASE,
)
_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    # a secret key: 40 characters of base64, of all kinds, unlike a digest or a path
    r"|(?-i:(?<![\w/+.-])(?=[\w/+]*[a-z])(?=[\w/+]*[A-Z])(?=[\w/+]*[0-9])"
    r"[A-Za-z0-9+][A-Za-z0-9/+]{39}(?![\w/+=.-]))"
    r"|(?<=://)[^/@\s]+:[^/@\s]+(?=@)"
    r"|(?<=[?&]X-Amz-Signature=)[^&\s\"']+"
    r"|(?<=[?&]X-Amz-Credential=)[^&\s\"']+"
    r"|(?<=[?&]X-Amz-Security-Token=)[^&\s\"']+",
    re.IGNORECASE,
)


def redacted(text: object) -> str:
    """Replace passwords, AWS's keys and presigned URLs' signatures by `***`."""
    return _SECRETS.sub("***", _FIELDS.sub(r"\1***", str(text)))
