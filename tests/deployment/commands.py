"""Whether a command of a deployment file is one that the installed programs know."""

import subprocess
import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path

SCRIPTS = Path(sysconfig.get_path("scripts"))
ENVIRONMENT = {"ONEPREFIX_BROKER_URL": "redis://127.0.0.1:1/0", "HOME": "/nonexistent"}


def complaint_about(command: Sequence[str]) -> str | None:
    """What the program says against its subcommands and options; None if nothing."""
    return _complaint_about(tuple(command))


@cache
def _complaint_about(command: tuple[str, ...]) -> str | None:
    # all options are parsed before --help ends it
    program, *arguments = command
    asked = subprocess.run(
        [SCRIPTS / program, *arguments, "--help"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout + asked.stderr if asked.returncode else None
