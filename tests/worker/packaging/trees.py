"""Directory trees: made, described as an archive should hold them, and packed."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TypeAlias

from hypothesis import strategies as st

from worker.packaging.package import TreePackager

MIB = 1 << 20
#: Where packing changes its ways: nothing, a piece held whole, a piece and more, several pieces.
SIZES = (0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7)


@dataclass(frozen=True, slots=True)
class LinkTo:
    target: str


Node: TypeAlias = "bytes | LinkTo | Mapping[str, Node]"


@dataclass(frozen=True, slots=True)
class Kept:
    """What an archive keeps of an entry. `data` is a file's bytes or a link's target."""

    mode: int
    mtime: int | None
    data: bytes

    def __repr__(self) -> str:
        digest = sha256(self.data).hexdigest()[:8]
        return f"<{stat.filemode(self.mode)} {self.mtime} {len(self.data)} bytes, {digest}>"


@cache
def content(kind: str, size: int, seed: int = 0) -> bytes:
    if kind == "random":
        return Random(seed).randbytes(size)
    line = {"zeros": b"\0", "table": b"0.%d,17.25\n" % seed}[kind]
    return (line * (size // len(line) + 1))[:size]


def make(path: Path, node: Node) -> Path:
    match node:
        case bytes():
            path.write_bytes(node)
        case LinkTo(target):
            path.symlink_to(target)
        case _:
            path.mkdir()
            for name, inner in node.items():
                make(path / name, inner)
    return path


def dress(directory: Path, random: Random) -> None:
    """Gives every entry a mode, which its owner can read, and a time between 1970 and 2038."""
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            path.chmod(random.randrange(0o10000) | (0o700 if path.is_dir() else 0o400))
        set_time(path, random.randrange(2**31), nanoseconds=random.randrange(900_000_000))


def set_time(path: Path, seconds: int, *, nanoseconds: int = 0) -> None:
    time = seconds * 10**9 + nanoseconds
    os.utime(path, ns=(time, time), follow_symlinks=False)


def described(directory: Path) -> dict[bytes, Kept]:
    """Every entry, itself first, under the name that an archive gives it."""
    return dict(_described(directory, os.fsencode(directory.name)))


def _described(path: Path, name: bytes) -> Iterator[tuple[bytes, Kept]]:
    status = path.lstat()
    data = b""
    if stat.S_ISDIR(status.st_mode):
        name += b"/"
    elif stat.S_ISLNK(status.st_mode):
        data = os.fsencode(os.readlink(path))  # noqa: PTH115  # a Path would tidy the target
    else:
        data = path.read_bytes()
    yield name, Kept(status.st_mode, status.st_mtime_ns // 10**9, data)
    if stat.S_ISDIR(status.st_mode):
        for inner in path.iterdir():
            yield from _described(inner, name + os.fsencode(inner.name))


def packed(path: Path | str, *, pattern: str = "RUN*") -> bytes:
    with packager(path, pattern=pattern).open(str(path)) as package:
        return b"".join(package.chunks())


def packager(path: Path | str, *, pattern: str = "RUN*") -> TreePackager:
    """One that has the directory around `path` as its root."""
    return TreePackager((Path(path).parent,), pattern)


ODD_NAMES = [
    " two  spaces ",
    "new\nline",
    "back\\slash",
    ".hidden",
    "...",
    "-rf",
    "ümlaut and 日本",
    "\udcff\udcfe not UTF-8",
    "\udced\udca0\udc80 an encoded surrogate",
    "x" * 255,
    "é" * 127,
    "PK\x06\x07",  # how a record of Zip64 begins
]


def _name(data: bytes) -> str:
    return os.fsdecode(data.replace(b"/", b"_").replace(b"\0", b"_"))


names = st.one_of(
    st.sampled_from(ODD_NAMES),
    st.binary(min_size=1, max_size=255).map(_name),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).map(
        lambda text: _name(text.encode())
    ),
).filter(lambda name: name not in {".", ".."})

contents = st.builds(
    content,
    kind=st.sampled_from(["random", "zeros", "table"]),
    size=st.sampled_from(SIZES) | st.integers(0, 5000),
    seed=st.integers(0, 1),
)

trees: st.SearchStrategy[Mapping[str, Node]] = st.dictionaries(
    names,
    st.recursive(
        contents | st.builds(LinkTo, names),
        lambda inner: st.dictionaries(names, inner, max_size=4),
        max_leaves=6,
    ),
    max_size=5,
)
