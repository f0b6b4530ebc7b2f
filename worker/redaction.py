"""Keeps credentials out of messages, logs and rows."""

import re

#: Fields of S3's answers in XML, and of settings and headers in JSON or as assignments; a value in
#: quotes may hold spaces, and JSON within JSON has a backslash before its quotes.
_FIELDS = re.compile(
    r"((?:AWSAccessKeyId|AccessKeyId|SecretAccessKey|SessionToken|SignatureProvided|StringToSign"
    r"|CanonicalRequest|aws_secret_access_key|aws_session_token|X-Amz-Security-Token|password)"
    r"(?:>|\\*[\"']?\s*[:=]\s*))(?:(\\*[\"']).*?(?:\2|$)|[^<\"'\s&,;\\]+)",
    re.IGNORECASE | re.MULTILINE,
)
_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    # a secret key: 40 characters of base64, of all kinds, unlike a digest or a path
    r"|(?-i:(?<![\w/+.-])(?=[\w/+]*[a-z])(?=[\w/+]*[A-Z])(?=[\w/+]*[0-9])"
    r"[A-Za-z0-9+][A-Za-z0-9/+]{39}(?![\w/+=-]|\.\w))"
    # a user and a password; one that nobody has escaped may hold a slash or an at sign
    r"|(?<=://)(?<!https://)(?<!http://)(?<!s3://)[^\s\"'<>/@:]*+:[^\s\"'<>]{0,300}(?=@)"
    r"|(?<=://)[^\s\"'<>/@:]*+:(?!\d+[/?#])[^\s\"'<>]{0,300}?(?=@[^@/\s]{0,300}+(?:[/\s]|$))"
    r"|(?<=[?&]X-Amz-Signature=)[^&\s\"']+"
    r"|(?<=[?&]Signature=)[^&\s\"']+"
    r"|(?<=[?&]X-Amz-Credential=)[^&\s\"']+",
    re.IGNORECASE,
)


def redacted(text: object) -> str:
    """Replace passwords, AWS's keys and presigned URLs' signatures by `***`."""
    return _SECRETS.sub("***", _FIELDS.sub(_masked, str(text)))


def _masked(field: re.Match[str]) -> str:
    quote = field[2] or ""
    return f"{field[1]}{quote}***{quote}"
