"""What a walk through a directory tree yields."""

from dataclasses import dataclass

from worker.packaging.tree.changes import Identity, Stamp


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory; the entries up to its `LeaveDirectory` lie in it."""

    name: bytes
    """From the top of the tree, with a closing slash, as in a ZIP."""
    base: bytes
    """Its name in the directory above."""
    stamp: Stamp
    identity: Identity
    content = b""


@dataclass(frozen=True, slots=True)
class LeaveDirectory:
    """The end of the directory that was entered last and not left yet."""


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Regular files that follow each other in one directory, which is open until the next entry."""

    directory: bytes
    """Its name, with a closing slash."""
    descriptor: int
    identity: Identity
    names: list[bytes]
    """Of the files in the directory. Sizes and identities are in the same order."""
    sizes: list[int]
    identities: list[Identity]


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link that stays within the tree; the archive keeps it as a link."""

    name: bytes
    stamp: Stamp
    content: bytes
    """Its target."""


@dataclass(frozen=True, slots=True)
class Omitted:
    """What the archive does not hold: sockets, pipes, devices and links that leave the tree."""

    name: bytes
    reason: str


Entry = Directory | LeaveDirectory | FileGroup | Link | Omitted
