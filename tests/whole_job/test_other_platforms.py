"""Commands that only read run where the calls of Linux alone do not exist."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.whole_job.conftest import FILES, Installation

#: Takes away what macOS and other systems lack, and then runs the command.
ELSEWHERE = """
import ctypes, fcntl, os

for module, names in {
    os: (
        "memfd_create", "MFD_CLOEXEC", "sched_getaffinity", "sched_setaffinity", "posix_fadvise",
        "copy_file_range", "eventfd", "pidfd_open", "O_DIRECT", "O_PATH", "O_NOATIME", "O_TMPFILE",
    ),
    fcntl: ("lockf", "F_OFD_SETLK", "F_SETPIPE_SZ"),
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


def refuse(*_arguments, **_options):
    raise OSError("there is no such C library")


ctypes.CDLL = refuse
from cli.main import main

main()
"""


@pytest.mark.parametrize(
    "command",
    [
        ("ls", "12"),
        ("urls", "12"),
        ("fetch", "12", "here", "--unpack"),
        ("status", "12"),
        ("contents", "12", "4"),
        ("cat", "12", "4", "RUN4/out.csv"),
        ("verify", "12", "4", "--deep"),
    ],
    ids=" ".join,
)
def test_reading_needs_no_call_of_linux(
    installed: Installation, tmp_path: Path, command: tuple[str, ...]
) -> None:
    installed.land(4)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *command],
        cwd=tmp_path,
        env=installed.command.surroundings,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    if command[0] == "cat":
        assert done.stdout == FILES["out.csv"]
    elif command[0] == "fetch":
        assert (tmp_path / "here/run_4_results/RUN4/out.csv").read_bytes() == FILES["out.csv"]
    else:
        assert b"RUN4" in done.stdout or b"run_4" in done.stdout or b"verified" in done.stdout
