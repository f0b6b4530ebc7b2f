"""What may stand in a message, a log line or a row, and what may not."""

from time import monotonic

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
        f"the secret is {SECRET}.",
        "postgresql://ada:tok/en==@db/d connection failed: password=tok/en==",
        "postgresql+psycopg://ada:wrong@tok/en@db/d",
        "redis://:tok/en@cache:6379/0",
        "https://ada:tok/en@minio.example:9000/b",
        "password='a b tok/en' host=db",
        r'{"body": "{\"SecretAccessKey\": \"tok/en\"}"}',
        "x-amz-security-token: tok/en",
        "https://b.s3.amazonaws.com/k?AWSAccessKeyId=A&Signature=tok/en&Expires=1",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    shown = redacted(text)
    assert "***" in shown
    for secret in (KEY, SECRET, "tok/en"):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "job 12, run 4: there is no directory /results/Simulations/ProjectAlpha/RUN4000",
        "jobs/12/2025/10/23/211500/run_4_results.zip: S3 answered 403 AccessDenied",
        "password authentication failed for user ada",
        "https://minio.example:9000/b/ada@lab",
        "job 12: s3://b/jobs/12/2025/10/23/211500/a:b@c.txt",
        "amqp://broker:5672// answers",
        '{"user": "ada", "state": "LANDED"}',
    ],
)
def test_what_helps_a_person_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_password_with_an_at_sign_is_masked_to_its_end() -> None:
    assert redacted("https://ada:p@ss@minio:9000/b/x@y") == "https://***@minio:9000/b/x@y"
    assert redacted("amqp://ada:p@s/s@mq//") == "amqp://***@mq//"


@pytest.mark.parametrize(
    "piece", ["://", "a://b:", "://:@", "password='", "password=", "A1b/", ":"]
)
def test_no_text_takes_long(piece: str) -> None:
    begun = monotonic()
    redacted(piece * 20_000)
    redacted("postgresql://" + piece * 20_000)
    assert monotonic() - begun < 5
