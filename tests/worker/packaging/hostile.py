"""Archives that no packer of ours would make."""

import stat
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


def entry(name: str, mode: int = 0o644) -> ZipInfo:
    info = ZipInfo(name)
    info.create_system = 3
    if not stat.S_IFMT(mode):
        mode |= stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
    info.external_attr = mode << 16
    info.compress_type = ZIP_DEFLATED
    return info


def link(name: str) -> ZipInfo:
    return entry(name, stat.S_IFLNK | 0o777)


def archive(*entries: tuple[ZipInfo | str, bytes]) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as made:
        for info, content in entries:
            made.writestr(entry(info) if isinstance(info, str) else info, content)
    return file.getvalue()


def overlapping() -> bytes:
    """Two members that share the same bytes of the archive."""
    made = archive(("a", b"0" * 1000), ("b", b"0" * 1000))
    first = made.index(b"PK\x01\x02")
    second = made.index(b"PK\x01\x02", first + 1)
    return made[: second + 42] + bytes(4) + made[second + 46 :]


def with_size(content: bytes, size: int) -> bytes:
    """One member, of which the directory tells a wrong size."""
    made = archive(("a", content))
    at = made.index(b"PK\x01\x02") + 24
    return made[:at] + size.to_bytes(4, "little") + made[at + 4 :]
