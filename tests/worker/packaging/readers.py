"""Programs of others that read ZIPs. A test that needs a missing one is skipped, and says so."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

#: A zone other than UTC, so that a time which is kept only as a date on the wall would show.
ENVIRONMENT = {"TZ": "JST-9", "LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", os.defpath)}
#: Names under which distributions install a program.
NAMES = {"7z": ["7z", "7zz", "7za"]}


def installed(program: str) -> str:
    names = NAMES.get(program, [program])
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"{' or '.join(names)} is not installed")


def read_with(
    program: str, *arguments: str | Path, cwd: Path | None = None, piped: Path | None = None
) -> str:
    """What the program prints; it must end with 0. No umask narrows the modes that it restores."""
    done = subprocess.run(
        [installed(program), *map(str, arguments)],
        input=piped.read_bytes() if piped else b"",
        capture_output=True,
        cwd=cwd,
        env=ENVIRONMENT,
        umask=0,
        check=False,
    )
    printed = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, printed
    return printed


def unzip(archive: Path, into: Path) -> None:
    read_with("unzip", "-q", "-V", "-^", archive, "-d", into)  # -^: control characters in names


def seven_zip(archive: Path, into: Path) -> None:
    read_with("7z", "x", "-y", f"-o{into}", archive)


def bsdtar(archive: Path, into: Path) -> None:
    read_with("bsdtar", "-xpf", archive, "-C", into)


def bsdtar_from_a_pipe(archive: Path, into: Path) -> None:
    read_with("bsdtar", "-xpf", "-", "-C", into, piped=archive)


def jar(archive: Path, into: Path) -> None:
    read_with("jar", "xf", archive, cwd=into)


Extract = Callable[[Path, Path], None]
#: Readers of the directory at an archive's end, which restore modes and links.
BY_INDEX: dict[str, Extract] = {"unzip": unzip, "7z": seven_zip, "bsdtar": bsdtar}
#: All readers; some restore only names, bytes and directories.
ALL: dict[str, Extract] = BY_INDEX | {"bsdtar from a pipe": bsdtar_from_a_pipe, "jar": jar}
#: Arguments with which a program checks an archive without extracting it.
CHECKS = {"unzip": ["-tq"], "7z": ["t"], "bsdtar": ["-tvf"], "jar": ["tf"]}
#: Arguments with which it prints the entries, each on a line.
LISTS = {"unzip": ["-Z1"], "7z": ["l", "-ba"], "bsdtar": ["-tf"], "jar": ["tf"]}
#: Arguments with which it prints an entry's bytes.
PRINTS = {"unzip": ["-p"], "7z": ["e", "-so"], "bsdtar": ["-xOf"]}
