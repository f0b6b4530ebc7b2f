import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deployment.commands import complaint_about
from tests.deployment.compose import ROOT

UNIT = ROOT / "deploy" / "oneprefix-worker.service"


def _command() -> str:
    (command,) = (line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart="))
    return command.removeprefix("ExecStart=")


def test_its_command_exists() -> None:
    program, *arguments = shlex.split(_command())
    assert complaint_about([Path(program).name, *arguments]) is None


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    program = shlex.split(_command())[0]
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(program, "/bin/true"))  # it is not installed here
    checked = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_uploads_under_way_may_finish_and_a_dead_worker_comes_back() -> None:
    lines = UNIT.read_text().splitlines()
    assert {"KillMode=mixed", "Restart=always", "StartLimitIntervalSec=0"} <= set(lines)


def test_a_crash_leaves_no_memory_with_credentials_on_disk() -> None:
    assert "LimitCORE=0" in UNIT.read_text().splitlines()
