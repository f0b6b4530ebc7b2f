"""The manual page and the shells' completions."""

import subprocess
from pathlib import Path

import pytest

from cli import manual
from tests.cli.command import ONEPREFIX, Command


def test_the_page_has_every_command_and_no_request_that_is_not_mans(tmp_path: Path) -> None:
    manual.main(tmp_path)
    page = (tmp_path / "man/man1/oneprefix.1").read_text()
    for name in ("enqueue", "status", "orders give", "db upgrade", "job add", "lifecycle apply"):
        assert f"\\fBoneprefix {name}\\fR" in page
    assert "\\-\\-wait" in page
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".TP", ".RS", ".RE"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_asks_the_command_itself(shell: str) -> None:
    assert "_ONEPREFIX_COMPLETE=complete_" in manual.completion(shell)


def test_a_shell_completes_jobs_from_the_table(oneprefix: Command) -> None:
    oneprefix("db", "upgrade")
    for job in ("12", "130", "131"):
        assert oneprefix("job", "add", job, "--runs", job).code == 0
    assert completed(oneprefix, "status 13") == ["131", "130"]
    assert "enqueue" in completed(oneprefix, "enq")


def test_where_there_is_no_table_a_shell_completes_nothing(oneprefix: Command) -> None:
    assert completed(oneprefix, "status 1") == []


def completed(oneprefix: Command, words: str) -> list[str]:
    line = f"oneprefix {words}"
    asked = {
        "_ONEPREFIX_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    done = subprocess.run(
        ONEPREFIX, env=oneprefix.surroundings | asked, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()
