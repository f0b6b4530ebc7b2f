"""The data sets: run directories, made once from a seed and kept in a cache."""

import argparse
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

from benchmarks.output import say
from benchmarks.text import MIB, Text, cut

#: Part of a kept data set's name: another recipe makes other data.
RECIPE = 1
RUN = "RUN1"
#: Every file's time, so that the same seed gives the same archive.
MODIFIED = 1_761_253_200
#: Of so many text files one is a log; the others are CSV.
LOG_EVERY = 8
SHARES = (1, 4, 16, 64)

Content = Literal["text", "csv", "noise", "hole"]


@dataclass(frozen=True, slots=True)
class DataSet:
    """Files of 2/9 to 16/9 of their mean size, dealt out to the directories."""

    name: str
    meaning: str
    content: Content
    size: int
    files: int
    directories: int

    @property
    def described(self) -> str:
        files = "1 file" if self.files == 1 else f"{self.files:,} files"
        return f"{self.size / MIB:,.0f} MiB in {files}"


def _with_shares(
    name: str, meaning: str, content: Content, *, size: int, files: int, directories: int
) -> Iterator[DataSet]:
    """The set, and a quarter of it, a sixteenth, …: fewer files, or if it is one, a smaller one."""
    for share in SHARES:
        yield DataSet(
            name if share == 1 else f"{name}{share}",
            meaning,
            content,
            size // share,
            max(1, files // share),
            directories // share,
        )


def _text(name: str, size: int) -> DataSet:
    return DataSet(name, "text and CSV", "text", size, max(1, size // (10 * MIB)), 1)


DATA_SETS = {
    data_set.name: data_set
    for data_set in (
        *_with_shares(
            "A", "text and CSV, 10 MiB files", "text", size=2048 * MIB, files=200, directories=20
        ),
        *_with_shares(
            "B", "text, 1 to 8 KiB files", "text", size=50_000 * 4608, files=50_000, directories=500
        ),
        *_with_shares("C", "random bytes", "noise", size=1024 * MIB, files=20, directories=0),
        *_with_shares("D", "one CSV", "csv", size=2048 * MIB, files=1, directories=0),
        *(_text(f"M{size}", size * MIB) for size in (64, 256, 1024, 5120)),
        DataSet("H", "one sparse file", "hole", 64 << 30, 1, 0),
    )
}


def made(data_set: DataSet, seed: int, kept_in: Path) -> Path:
    """The run's directory, made unless it is there already; one that is there is complete."""
    recipe = repr((RECIPE, seed, *astuple(data_set))).encode()
    kept = kept_in / f"{data_set.name}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    if not kept.exists():
        partial = kept.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        _make(data_set, Random(seed), _text_of(seed), partial / RUN)  # noqa: S311  no secret
        partial.rename(kept)
    return kept / RUN


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "oneprefix-bench"


@cache
def _text_of(seed: int) -> Text:
    """Made when the first data set needs it; it takes seconds."""
    return Text(seed)


def _make(data_set: DataSet, noise: Random, text: Text, run: Path) -> None:
    run.mkdir(parents=True)
    for number in range(data_set.directories):
        (run / f"part_{number:03}").mkdir()
    for number, size in enumerate(_sizes(data_set, noise)):
        place = f"part_{number % data_set.directories:03}" if data_set.directories else "."
        log = data_set.content == "text" and number % LOG_EVERY == LOG_EVERY - 1
        path = run / place / (f"rank_{number:05}.log" if log else f"probe_{number:05}.csv")
        with path.open("wb") as file:
            if data_set.content == "hole":
                file.truncate(size)
            else:
                file.writelines(cut(_source(data_set, text, log), noise.getrandbits(40), size))
        os.utime(path, (MODIFIED, MODIFIED))


def _source(data_set: DataSet, text: Text, log: bool) -> bytes:
    if data_set.content == "noise":
        return text.noise
    return text.log if log else text.csv


def _sizes(data_set: DataSet, noise: Random) -> list[int]:
    """One for each file; together the data set's, give or take a byte for each."""
    if data_set.files == 1:
        return [data_set.size]
    weights = [noise.uniform(1, 8) for _ in range(data_set.files)]
    total = sum(weights)
    return [int(data_set.size * weight / total) for weight in weights]


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes a data set, and prints its directory.")
    parser.add_argument("name", choices=DATA_SETS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    say(made(DATA_SETS[options.name], options.seed, default_cache()))


if __name__ == "__main__":
    main()
