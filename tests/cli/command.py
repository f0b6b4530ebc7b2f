"""Runs the `oneprefix` command as a person does, in an environment of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.cli.forked_command import Request, command_server


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    directory: Path
    environment: dict[str, str]

    @property
    def surroundings(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ONEPREFIX_", "AWS_"))
        }
        return kept | {"COLUMNS": "200", "HOME": str(self.directory)} | self.environment

    def __call__(self, *arguments: str, timeout: float = 120) -> Answer:
        with TemporaryDirectory() as outputs:
            out, err = Path(outputs, "out"), Path(outputs, "err")
            request = Request(arguments, str(self.directory), self.surroundings, str(out), str(err))
            code = command_server().run(request, timeout)
            return Answer(code, out.read_text(), err.read_text())

    def start(self, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(
                [*ONEPREFIX, *arguments],
                cwd=self.directory,
                env=self.surroundings,
                stdout=output,
                stderr=output,
            )


#: The installed command, beside the interpreter that runs the tests.
ONEPREFIX = [str(Path(sys.executable).with_name("oneprefix"))]
