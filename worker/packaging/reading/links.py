"""Refuses symbolic links that leave the directory into which an archive is unpacked.

Links of a tree that is packed are judged by `worker.packaging.tree.links`, which is stricter: what
an archive of ours holds leads nowhere outside of its run's directory.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from worker.errors import InvalidArchive
from worker.models.archive import ArchiveMember


def require_target_within(member: ArchiveMember, target: str) -> None:
    """Raise InvalidArchive if the target's own words lead out, even if they lead back in."""
    depth = member.name.count("/")
    leaves = target.startswith("/") or not target or "\0" in target
    for part in target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        leaves = leaves or depth < 0
    if leaves:
        raise _leaving(member)


def require_links_within(directory: Path, links: Sequence[ArchiveMember]) -> None:
    """Raise InvalidArchive if a link that was made in the directory leads out through others."""
    root = Path(os.path.realpath(directory))
    for each in links:
        if not Path(os.path.realpath(directory / each.name)).is_relative_to(root):
            raise _leaving(each)


def _leaving(member: ArchiveMember) -> InvalidArchive:
    return InvalidArchive(f"the archive's link {member.shown} leaves it")
