"""Directory trees: make them, describe what their archive should hold, and pack them."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import strategies as st

from worker.packaging.package import Packing, TreePackager

KIB, MIB = 1 << 10, 1 << 20
#: Sizes around those at which packing works differently: empty, sampled, whole, in segments.
SIZES = (0, 1, 16 * KIB - 1, 16 * KIB, 128 * KIB, MIB - 1, MIB, MIB + 1, 3 * MIB + 7)
DEFAULT = Packing()
#: Ways to pack that must make no difference.
WAYS = {
    "one thread": Packing(threads=1, helpers=False),
    "two threads": Packing(threads=2, helpers=False),
    "eight threads": Packing(threads=8, helpers=False),
    "a helper": Packing(threads=1, helpers=True),
    "two helpers": Packing(threads=2, helpers=True),
}
every_way = pytest.mark.parametrize("packing", WAYS.values(), ids=WAYS)


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
    """Noise, one byte or one line repeated, or a table whose lines all differ (series)."""
    if kind == "random":
        return Random(seed).randbytes(size)
    if kind == "series":
        return b"".join(b"%d,%.3f,17.25\n" % (at, at * 0.37) for at in range(size // 10))[:size]
    line = {"zeros": b"\0", "table": b"0.%d,17.25\n" % seed}[kind]
    return (line * (size // len(line) + 1))[:size]


def mixed() -> dict[str, Node]:
    """A tree with a file, directory or link of each kind that is packed in a way of its own."""
    return {
        **{f"{kind} {size}": content(kind, size) for kind in ("random", "table") for size in SIZES},
        "zeros": content("zeros", 5 * MIB),
        "empty": {},
        "tiny": {f"{number:03}.csv": content("table", number, number) for number in range(600)},
        "spread": {f"{number:02}": {"a": b"0.1\n" * number, "b": b""} for number in range(70)},
        "links": {f"{number:02}": LinkTo(f"../tiny/{number:03}.csv") for number in range(20)},
        "odd": {name: {name: b"odd"} for name in ODD_NAMES},
    }


def hardly_compressible(size: int, *, seed: int) -> bytes:
    """Data that deflate can hardly make smaller: all bytes equally often, and few short matches."""
    random = Random(seed)
    alphabet, run_length = random.randrange(200, 257), random.randrange(1, 7)
    noise = random.randbytes(size)
    shuffled = bytearray()
    while len(shuffled) <= size:
        shuffled += bytes(random.sample(range(alphabet), alphabet))
        start = random.randrange(size)
        shuffled += noise[start : start + run_length]
    return bytes(shuffled[:size])


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
    """Give every entry a random mode that its owner can read, and a time from 1970 to 2038."""
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            path.chmod(random.randrange(0o10000) | (0o700 if path.is_dir() else 0o400))
        set_time(path, random.randrange(2**31), nanoseconds=random.randrange(900_000_000))


def set_time(path: Path, seconds: int, *, nanoseconds: int = 0) -> None:
    time = seconds * 10**9 + nanoseconds
    os.utime(path, ns=(time, time), follow_symlinks=False)


def described(directory: Path) -> dict[bytes, Kept]:
    """What an archive should keep of each entry, by its name there; the directory itself first."""
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


def packed(path: Path | str, packing: Packing = DEFAULT, *, pattern: str = "RUN*") -> bytes:
    with packager(path, packing, pattern=pattern).open(str(path)) as package:
        return b"".join(package.chunks())


def packager(
    path: Path | str, packing: Packing = DEFAULT, *, pattern: str = "RUN*"
) -> TreePackager:
    """A packager with the directory around `path` as its root."""
    return TreePackager((Path(path).parent,), pattern, packing)


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


def contents(*sizes: int) -> st.SearchStrategy[bytes]:
    """Files of these sizes, and of any up to 5000 bytes."""
    return st.builds(
        content,
        kind=st.sampled_from(["random", "zeros", "table"]),
        size=st.sampled_from(sizes) | st.integers(0, 5000),
        seed=st.integers(0, 1),
    )


def trees_of(files: st.SearchStrategy[bytes]) -> st.SearchStrategy[Mapping[str, Node]]:
    return st.dictionaries(
        names,
        st.recursive(
            files | st.builds(LinkTo, names),
            lambda inner: st.dictionaries(names, inner, max_size=4),
            max_leaves=6,
        ),
        max_size=5,
    )


trees = trees_of(contents(*SIZES))
#: Trees whose files each fit into a batch.
small_trees = trees_of(contents(16 * KIB))
