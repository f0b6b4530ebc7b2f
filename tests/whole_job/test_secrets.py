"""A secret in any setting is in nothing that is written: output, log, row or file."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.whole_job.conftest import Installation
from worker.settings import Settings

SECRET = "Canary4711Canary"
NOWHERE = "127.0.0.1:1"
#: What is set, and to what; the databases, brokers and stores are not there.
SETTINGS: dict[str, dict[str, str]] = {
    "PostgreSQL": {"ONEPREFIX_DATABASE_URL": f"postgresql://ada:{SECRET}@{NOWHERE}/d"},
    "PostgreSQL's option": {
        "ONEPREFIX_DATABASE_URL": f"postgresql://ada@{NOWHERE}/d?password={SECRET}"
    },
    "an sslmode": {"ONEPREFIX_DATABASE_URL": f"postgresql://ada@{NOWHERE}/d?sslmode={SECRET}"},
    "an unknown option": {"ONEPREFIX_DATABASE_URL": f"postgresql://ada@{NOWHERE}/d?{SECRET}=1"},
    "PostgreSQL, unescaped": {"ONEPREFIX_DATABASE_URL": f"postgresql://ada:a@{SECRET}/b@h/d"},
    "another database": {"ONEPREFIX_DATABASE_URL": f"mysql://ada:{SECRET}@{NOWHERE}/d"},
    "no URL of a database": {"ONEPREFIX_DATABASE_URL": f"ada:{SECRET}@h"},
    "a password's command": {
        "ONEPREFIX_DATABASE_URL": f"postgresql://ada@{NOWHERE}/d",
        "ONEPREFIX_DATABASE_PASSWORD_COMMAND": f"echo {SECRET}",
    },
    "a password's command that fails": {
        "ONEPREFIX_DATABASE_URL": f"postgresql://ada@{NOWHERE}/d",
        "ONEPREFIX_DATABASE_PASSWORD_COMMAND": f"sh -c 'echo password={SECRET} >&2; exit 1'",
    },
    "Redis": {"ONEPREFIX_BROKER_URL": f"redis://:{SECRET}@{NOWHERE}/0"},
    "Redis with a user": {"ONEPREFIX_BROKER_URL": f"rediss://ada:{SECRET}@{NOWHERE}/0"},
    "Redis' option": {"ONEPREFIX_BROKER_URL": f"redis://{NOWHERE}/0?password={SECRET}"},
    "Redis, unescaped": {"ONEPREFIX_BROKER_URL": f"redis://:a/{SECRET}@{NOWHERE}/0"},
    "RabbitMQ": {"ONEPREFIX_BROKER_URL": f"amqp://ada:{SECRET}@{NOWHERE}//"},
    "another broker": {"ONEPREFIX_BROKER_URL": f"foo://ada:{SECRET}@{NOWHERE}/"},
    "a result backend": {"ONEPREFIX_RESULT_BACKEND": f"redis://:{SECRET}@{NOWHERE}/0"},
    "another result backend": {"ONEPREFIX_RESULT_BACKEND": f"foo://:{SECRET}@{NOWHERE}/0"},
    "the page's password": {"ONEPREFIX_WEB_PASSWORD": SECRET},
    "the page's token": {"ONEPREFIX_WEB_OPERATOR_TOKEN": SECRET},
    "a secret key": {"AWS_SECRET_ACCESS_KEY": SECRET},
    "a secret key nowhere": {
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": SECRET,
        "AWS_ENDPOINT_URL_S3": f"http://{NOWHERE}",
    },
    "an endpoint's user": {"AWS_ENDPOINT_URL_S3": f"http://ada:{SECRET}@{NOWHERE}"},
    "an endpoint that is none": {"AWS_ENDPOINT_URL_S3": f"http://ada:{SECRET}@no url"},
    "a credential process": {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_CONFIG_FILE": "aws-config",
    },
}
#: A program that a profile names; it prints what it should not.
AWS_CONFIG = f"""
[default]
credential_process = sh -c 'echo {{"SecretAccessKey": "{SECRET}"}} >&2; exit 1'
"""
COMMANDS = [
    "status",
    "enqueue 12 5 {results}/RUN5",
    "ls 12",
    "verify 12",
    "fetch 12 --to fetched",
    "doctor",
    "settings",
    "db upgrade",
    "orders show",
]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("upstream", ["moto"], indirect=True)
def test_a_secret_reaches_nothing_that_is_written(
    installed: Installation, setting: str, tmp_path: Path
) -> None:
    (tmp_path / "aws-config").write_text(AWS_CONFIG)
    (installed.results / "RUN5").mkdir()
    (installed.results / "RUN5" / "out.csv").write_text("1\n")
    for command in COMMANDS:
        given = command.format(results=installed.results).split()
        for as_json in ((), ("--json",)):
            answer = installed.oneprefix(*given, *as_json, **SETTINGS[setting])
            assert SECRET not in answer.out + answer.err, (given, answer)
            assert "Traceback" not in answer.err, (given, answer.err)
    log = worker_log(installed, SETTINGS[setting], tmp_path)
    assert SECRET not in log, log
    assert leaks(tmp_path) == []


def worker_log(installed: Installation, settings: dict[str, str], directory: Path) -> str:
    """What a worker says, in its first seconds, that tries to work with the settings."""
    broker = {"ONEPREFIX_BROKER_URL": f"redis://{NOWHERE}/0"}
    with (
        (directory / "worker.log").open("w+b") as log,
        suppress(subprocess.TimeoutExpired),
    ):
        subprocess.run(
            [sys.executable, "-P", "-m", "celery", "-A", "tasks", "worker", "--concurrency=1"],
            cwd=directory,
            env=installed.command.surroundings | broker | settings,
            stdout=log,
            stderr=log,
            timeout=6,
            check=False,
        )
    return (directory / "worker.log").read_text(errors="replace")


def leaks(directory: Path) -> list[str]:
    """The files that hold the secret, but for the test's own."""
    files = (each for each in directory.rglob("*") if each.is_file() and each.name != "aws-config")
    return [str(each) for each in files if SECRET.encode() in each.read_bytes()]


def test_the_secrets_reach_what_they_are_for() -> None:
    """Else the others would search for what nobody has."""
    told = {"ONEPREFIX_BROKER_URL": SETTINGS["Redis"]["ONEPREFIX_BROKER_URL"]}
    code = "from tasks.app import app; print(app.conf.broker_url)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "HOME": "/"} | told,
        capture_output=True,
        text=True,
        check=True,
    )
    assert SECRET in done.stdout


def test_each_secret_setting_is_tried() -> None:
    secret = {
        f"ONEPREFIX_{name.upper()}"
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    tried = {name for settings in SETTINGS.values() for name in settings}
    assert len(secret) >= 4
    assert secret <= tried
