"""What CONTRIBUTING.md and the hooks of pre-commit name exists, and agrees with the Makefile."""

import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def recipe(target: str) -> list[str]:
    [lines] = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    return [line.strip() for line in lines.splitlines()]


def test_the_hooks_are_the_commands_of_make_check() -> None:
    [local] = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    entries = [hook["entry"] for hook in local["hooks"]]
    assert entries == [command.removesuffix(" .") for command in recipe("check")]


def test_every_target_of_make_exists() -> None:
    named = set(re.findall(r"`make ([\w-]+)", CONTRIBUTING))
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.MULTILINE))
    assert "check" in named
    assert named <= targets


def test_every_file_and_folder_that_is_named_exists() -> None:
    linked = set(re.findall(r"\]\((?!http)([^)#]+)(?:#\w+)?\)", CONTRIBUTING))
    folders = set(re.findall(r"`((?:worker|tests|tasks|cli)/[\w/.]*)`", CONTRIBUTING))
    assert linked
    assert folders
    assert [name for name in linked | folders if not (ROOT / name).exists()] == []
