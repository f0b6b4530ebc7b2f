"""Every command and snippet of the README is run, by these tests or by CI."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import pytest
from sqlalchemy import text

from tests.end_to_end.cluster import Cluster, cluster, eventually
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server
from tests.servers.strict_bucket import Strict
from worker.models.upload import UploadState
from worker.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


#: Run as it stands, in an empty home.
QUICKSTART = re.search(
    r"^## Quickstart\n.*?^```sh\n(.*?)^```.*?^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL
)
assert QUICKSTART
COMMANDS = [
    line
    for block in blocks("sh")
    if block not in QUICKSTART.groups()
    for line in block.splitlines()
]
#: Run by .ci/run, or by the tests of the deployment as far as that goes without an engine.
BY_CI = [line for line in COMMANDS if line.startswith("make ")]
BY_DEPLOYMENT = [line for line in COMMANDS if line.startswith(("docker ", "mkdir ", "deploy/"))]
#: Run until a signal, once the log says this.
SERVING = {
    "oneprefix up": " ready.",
    "celery -A tasks worker --loglevel=INFO": " ready.",
    "celery -A tasks flower --address=127.0.0.1": "Visit me",
    "oneprefix status 12 --watch": "No uploads.",
    "oneprefix web": "http://127.0.0.1:",
}
FLOWER_OPTIONS = ("flower_basic_auth",)
EXPORTS = [line for line in COMMANDS if line.startswith("export ")]
ENDING = [line for line in COMMANDS if line not in [*BY_CI, *BY_DEPLOYMENT, *SERVING, *EXPORTS]]


@pytest.fixture(scope="session", params=["moto"])
def upstream(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def running(tmp_path: Path, strict: Strict, postgres: PostgresServer) -> Iterator[Cluster]:
    with cluster(tmp_path, strict, postgres.new_database()) as started:
        (started.results / "RUN4").mkdir()
        (started.results / "RUN4" / "out.csv").write_text("1,2\n")
        yield started


def environment(running: Cluster) -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return running.environment | {"PATH": f"{scripts}:{os.environ['PATH']}", "COLUMNS": "150"}


def here(running: Cluster, command: str) -> str:
    """The command, with this test's directory for the README's."""
    return command.replace("/results", str(running.results))


def is_up(command: str, printed: str) -> bool:
    if SERVING[command] not in printed:
        return False
    url = re.search(r"Visit me via (\S+)", printed)
    if not url:
        return True
    # Flower says so before its loop runs
    with suppress(OSError), urlopen(f"{url[1]}/healthcheck", timeout=10) as answer:
        return bool(answer.status == 200)
    return False


def test_there_are_commands_of_each_kind() -> None:
    assert set(SERVING) <= set(COMMANDS)
    assert len(ENDING) >= 4
    ci = (ROOT / ".ci" / "run").read_text()
    assert BY_CI
    for line in BY_CI:
        assert line in ci, f"neither a test nor CI runs {line!r}"


def test_the_commands_that_end_do_what_they_say(running: Cluster) -> None:
    running.start_worker()
    owner = running.engine.url.render_as_string(hide_password=False)
    for command in ENDING:
        # as who may write the orchestrator's tables
        rights = {"ONEPREFIX_DATABASE_URL": owner} if command.startswith("oneprefix job ") else {}
        done = subprocess.run(
            ["bash", "-c", here(running, command)],
            env=environment(running) | rights,
            cwd=running.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert running.wait_for(12, 4)


@pytest.mark.parametrize("command", SERVING)
def test_the_commands_that_serve_come_up_and_stop_by_a_signal(
    running: Cluster, command: str
) -> None:
    log = running.directory / "log"
    # another one may serve at the usual port
    extra, rights = " --port=0" if command == "oneprefix web" else "", {}
    if "flower" in command:
        extra, rights = " --port=0", {"ONEPREFIX_BROKER_URL": running.operators_broker_url}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}{extra}"],
            env=environment(running) | rights,
            cwd=running.directory,
            stdout=output,
            stderr=output,
        )
    eventually(lambda: is_up(command, log.read_text()) or process.poll(), command)
    # Celery calls SIGINT a failure, whatever it was doing
    number = signal.SIGTERM if command.startswith("celery") else signal.SIGINT
    process.send_signal(number)
    if "flower" in command:
        # one that is told so while it starts a thread waits for that one for ever: it is told again
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
        process.send_signal(number)
    assert process.wait(timeout=60) == 0, log.read_text()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose name is as short as a person's: the path of a socket has 103 bytes."""
    with TemporaryDirectory(prefix="h") as directory:
        yield Path(directory)


def test_the_quickstart_works_from_its_first_to_its_last_line(home: Path) -> None:
    assert QUICKSTART
    first, second = QUICKSTART.groups()
    names = ("ONEPREFIX_", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    scripts = str(Path(sys.executable).parent)
    at_home = kept | {"HOME": str(home), "PATH": f"{scripts}:{os.environ['PATH']}"}
    work, log = home / "work", home / "log"
    work.mkdir()
    *before, up = first.splitlines()
    with log.open("wb") as output:
        serving = subprocess.Popen(
            ["bash", "-ec", "\n".join([*before, f"exec {up}"])],
            env=at_home,
            cwd=work,
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: " ready." in log.read_text() or serving.poll() is not None, "it is up")
        done = subprocess.run(
            ["bash", "-ec", second],
            env=at_home,
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stderr, log.read_text())
        assert "job 12, run 4 landed: " in done.stdout
        [fetched] = (work / "fetched").rglob("out.txt")
        assert fetched.read_text() == (work / "results/RUN4/out.txt").read_text()
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=60) == 0, log.read_text()
    assert not (home / ".local/share/oneprefix/local-s3.env").exists()
    told = log.read_text()
    for line in (
        "bucket    s3://oneprefix/",
        f"results   {work}/results",
        "next      oneprefix",
        "page      oneprefix web",
    ):
        assert line in told
    assert "job 12 run 4: succeeded in" in told


def test_the_variables_that_are_exported_are_settings() -> None:
    for line in EXPORTS:
        name = line.removeprefix("export ").split("=")[0]
        known = Settings.model_fields if name.startswith(PREFIX) else FLOWER_OPTIONS
        assert name.removeprefix(PREFIX).lower() in known


def test_no_command_shows_a_password_in_the_list_of_processes() -> None:
    texts = [path.read_text() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))]
    assert not [
        text for text in texts if re.search(r"--(basic[-_]auth|requirepass|\w*password)=", text)
    ]


@pytest.mark.parametrize("snippet", blocks("python"), ids=["by name", "by import"])
def test_the_snippets_land_the_run(running: Cluster, snippet: str) -> None:
    running.start_worker()
    script = here(running, snippet).replace("redis://:password@broker:6379/0", running.broker_url)
    subprocess.run(
        [sys.executable, "-c", script],
        env=environment(running),
        cwd=running.directory,
        check=True,
    )
    assert running.wait_for(12, 4).attempt == 1


def test_the_statement_lands_the_run(running: Cluster) -> None:
    running.start_worker()
    [statement] = blocks("sql")
    with running.engine.begin() as connection:
        connection.execute(text(here(running, statement)))
    assert running.wait_for(12, 4).state is UploadState.LANDED


def test_the_table_of_settings_is_complete_and_true() -> None:
    listed = re.findall(r"^\| `ONEPREFIX_(\w+)` \| (.*) \| (.*) \|$", README, re.MULTILINE)
    fields = Settings.model_fields
    assert [name.lower() for name, _, _ in listed] == list(fields)
    for name, default, meaning in listed:
        field = fields[name.lower()]
        assert meaning == field.description
        if name != "DATA_DIR":
            assert default == ("" if field.default in (None, ()) else f"`{field.default}`")


def test_every_file_that_is_linked_exists() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
