"""The compose file as `docker compose up` sees it where no variable is set."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):?-(?P<default>[^}]*)\}")


@cache
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = _filled_in(YAML(typ="safe").load(FILE))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = project()["services"]
    return found


def ours() -> list[str]:
    """The services that run the image of this repository."""
    return [name for name, service in services().items() if "build" in service]


def defaults() -> dict[str, set[str]]:
    """Each variable of the file, with every default that the file has for it."""
    found: dict[str, set[str]] = {}
    for variable in _VARIABLE.finditer(FILE.read_text()):
        found.setdefault(variable["name"], set()).add(variable["default"])
    return found


def _filled_in(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled_in(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled_in(each) for each in value]
    if not isinstance(value, str):
        return value
    filled = _VARIABLE.sub(lambda variable: variable["default"], value)
    kept = filled.replace("$$", "")  # which stands for one that compose leaves to the program
    assert "$" not in kept, f"{value!r} has no default, so `docker compose up` would not do"
    return filled.replace("$$", "$")
