"""Unpacks an archive that anybody may have made: all of it into a new directory, or nothing."""

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from worker.errors import FileUnusable, InvalidArchive
from worker.file_errors import translated_file_errors
from worker.models.archive import ArchiveMember
from worker.packaging.reading.limits import NO_LIMITS, Limits
from worker.packaging.reading.links import require_links_within, require_target_within
from worker.packaging.reading.zip_reader import ZipReader, open_zip

LIMITS = Limits()
#: Bytes; Linux follows no longer link.
LONGEST_LINK = 4095


def unpack(archive: Path, to: Path, *, limited: bool = True) -> None:
    """Make the new directory `to` from the archive.

    Raises InvalidArchive for an archive with anything suspicious, or, if `limited`, of unusual
    depth, number or ratio; FileUnusable if there is no room or `to` exists and is not empty. Then
    `to` is as it was. Removes what `set_aside` has kept.
    """
    limits = LIMITS if limited else NO_LIMITS
    work = to.with_name(f".{to.name}.unpacking")  # not random: repeated kills leave only one
    with translated_file_errors(f"unpacking {archive} to {to}"):
        if work.is_dir() or work.is_symlink():
            shutil.rmtree(work)
        work.mkdir(mode=0o700)
        try:
            with archive.open("rb") as file:
                limits.require_few(file)
                _fill(work, open_zip(file), limits, archive.stat().st_size)
            work.rename(to)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        shutil.rmtree(_aside(to), ignore_errors=True)


def set_aside(directory: Path) -> None:
    """Hide the directory, which another one is to replace, until that one is unpacked."""
    aside = _aside(directory)
    with translated_file_errors(f"moving {directory} to {aside}"):
        shutil.rmtree(aside, ignore_errors=True)
        directory.rename(aside)


def _aside(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.replaced")


def _fill(work: Path, reader: ZipReader, limits: Limits, size: int) -> None:
    members = reader.members
    for each in members:
        limits.require_shallow(each)
    limits.require_modest(members, size)
    _require_own_places(members)
    _require_space(work, members)
    files = [each for each in members if not each.is_directory and not each.is_link]
    links = [each for each in members if each.is_link]
    directories = [each for each in members if each.is_directory]
    for each in directories:
        (work / each.name).mkdir(parents=True, exist_ok=True)
    for each in files:
        _write(work / each.name, each, reader)
    for each in links:  # when nothing is written any more that could go through them
        _link(work / each.name, each, reader)
    require_links_within(work, links)
    for each in sorted(directories, key=lambda each: each.name, reverse=True):
        _apply_metadata(work / each.name, each)
    work.chmod(0o755)


def _require_own_places(members: Sequence[ArchiveMember]) -> None:
    """Raise InvalidArchive unless every member has a place inside for itself alone."""
    places = {_place(member): member for member in members}
    if len(places) != len(members):
        raise InvalidArchive("a name stands twice in the archive")
    parents = {place[:depth] for place in places for depth in range(len(place))}
    for place, member in places.items():
        if place in parents and not member.is_directory:
            raise InvalidArchive(f"{member.shown} is a directory in the archive, and is not")


def _place(member: ArchiveMember) -> tuple[str, ...]:
    """The steps of the member's path; InvalidArchive if they lead out, or for a device."""
    place = tuple(member.name.removesuffix("/").split("/"))
    if "\0" in member.name or not {"", ".", ".."}.isdisjoint(place):
        raise InvalidArchive(f"the archive's {member.shown} would lie outside of it")
    kind = stat.S_IFMT(member.mode)
    allowed = {0, stat.S_IFDIR} if member.is_directory else {0, stat.S_IFREG, stat.S_IFLNK}
    if kind not in allowed:
        raise InvalidArchive(f"the archive's {member.shown} is neither file, directory nor link")
    return place


def _require_space(directory: Path, members: Sequence[ArchiveMember]) -> None:
    needed = sum(each.size for each in members)
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise FileUnusable(f"{directory.parent} has {free} bytes free, the archive holds {needed}")


def _write(path: Path, member: ArchiveMember, reader: ZipReader) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for chunk in reader.read(member):
            file.write(chunk)
    _apply_metadata(path, member)


def _link(path: Path, member: ArchiveMember, reader: ZipReader) -> None:
    if member.size > LONGEST_LINK:
        raise InvalidArchive(f"the archive's link {member.shown} is too long")
    target = os.fsdecode(b"".join(reader.read(member)))
    require_target_within(member, target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    if member.modified_at:
        at = member.modified_at.timestamp()
        os.utime(path, (at, at), follow_symlinks=False)


def _apply_metadata(path: Path, member: ArchiveMember) -> None:
    """Set mode and time; nobody else may write the file, or run it as its owner."""
    if member.mode:
        path.chmod(member.mode & 0o755 | (0o700 if member.is_directory else 0o600))
    if member.modified_at:
        at = member.modified_at.timestamp()
        os.utime(path, (at, at))
