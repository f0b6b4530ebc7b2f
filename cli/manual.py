"""Writes the manual page and the shells' completions: `python -m cli.manual DIRECTORY`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer

from cli.main import app

#: Where each shell looks for completions below `share`.
COMPLETIONS = {
    "bash": "bash-completion/completions/oneprefix",
    "zsh": "zsh/site-functions/_oneprefix",
    "fish": "fish/vendor_completions.d/oneprefix.fish",
}


def main(share: Path) -> None:
    """Write below `share`, which is made."""
    _write(share / "man/man1/oneprefix.1", manual_page())
    for shell, file in COMPLETIONS.items():
        _write(share / file, completion(shell))


def manual_page() -> str:
    """Return the page in man's language; see man(7)."""
    root: Any = typer.main.get_command(app)
    lines = [f'.TH ONEPREFIX 1 "" "oneprefix {version("oneprefix")}" "User commands"']
    lines += [".SH NAME", "oneprefix \\- every artifact of a simulation job under one S3 prefix"]
    lines += [".SH SYNOPSIS", "\\fBoneprefix\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]"]
    lines += [".SH DESCRIPTION", _roff(root.help or ""), ".SH COMMANDS"]
    for name, command in commands(root):
        lines += _section(name, command)
    lines += [".SH EXIT STATUS", "0 done, 1 failed, 2 wrong use, 130 ended by Ctrl-C."]
    lines += [".SH ENVIRONMENT", "\\fBoneprefix settings\\fR lists every variable and its value."]
    return "\n".join(lines) + "\n"


def commands(above: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each command with its full name."""
    for name, each in above.commands.items():
        if hasattr(each, "commands"):
            yield from commands(each, f"{prefix}{name} ")
        else:
            yield prefix + name, each


def completion(shell: str) -> str:
    """Return the script by which the shell asks `oneprefix` for completions."""
    command = [sys.executable, "-c", "from cli.main import app; app(prog_name='oneprefix')"]
    told = {"_ONEPREFIX_COMPLETE": f"source_{shell}"}
    done = subprocess.run(  # noqa: S603  it is this program
        command, env=os.environ | told, check=True, capture_output=True, text=True
    )
    return done.stdout


def _section(name: str, command: Any) -> Iterator[str]:
    usage = _roff(" ".join(command.collect_usage_pieces(context_of(command))))
    yield from (".TP", f"\\fBoneprefix {name}\\fR \\fI{usage}\\fR", _roff(command.help or ""))
    yield ".RS"
    for each in command.params:
        if each.param_type_name == "argument" or each.hidden:
            continue
        names, shown = each.get_help_record(context_of(command)) or ("", "")
        yield from (".TP", f"\\fB{_roff(names)}\\fR", _roff(shown))
    yield ".RE"


def context_of(command: Any) -> Any:
    """Return what a command needs to tell of itself, as if it had no arguments."""
    return command.make_context(command.name, [], resilient_parsing=True)


def _roff(text: str) -> str:
    """Escape what man would take for a request or a hyphen that may be broken."""
    joined = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{joined}" if joined.startswith((".", "'")) else joined


def _write(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
