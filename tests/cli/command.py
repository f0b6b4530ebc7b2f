"""Runs the `oneprefix` command as a person does, in an environment of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        done = subprocess.run(
            [*ONEPREFIX, *arguments],
            cwd=self.directory,
            env=self.surroundings,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

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
