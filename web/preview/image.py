"""Images that a page may show, told by their bytes alone."""

from collections.abc import Callable

#: Pixels that a browser is given to unpack.
MOST_PIXELS = 50_000_000
_Size = tuple[int, int]


def image_of(content: bytes) -> str | None:
    """The media type of a PNG, JPEG, GIF or WebP of a modest size; None for anything else."""
    for kind, (begins, size) in _KINDS.items():
        if begins(content):
            found = size(content)
            return kind if found and 0 < found[0] * found[1] <= MOST_PIXELS else None
    return None


def _png(content: bytes) -> _Size | None:
    return _numbers(content, (16, 4), (20, 4), "big") if content[12:16] == b"IHDR" else None


def _gif(content: bytes) -> _Size | None:
    return _numbers(content, (6, 2), (8, 2), "little")


def _webp(content: bytes) -> _Size | None:
    match content[12:16]:
        case b"VP8X":
            found = _numbers(content, (24, 3), (27, 3), "little")
            return (found[0] + 1, found[1] + 1) if found else None
        case b"VP8L":
            bits = int.from_bytes(content[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            found = _numbers(content, (26, 2), (28, 2), "little")
            return (found[0] & 0x3FFF, found[1] & 0x3FFF) if found else None
    return None


def _jpeg(content: bytes) -> _Size | None:
    """The size of the first frame, whose header follows others."""
    at = 2
    while content[at : at + 1] == b"\xff":
        marker, length = content[at + 1 : at + 2], int.from_bytes(content[at + 2 : at + 4])
        is_frame = b"\xc0" <= marker <= b"\xcf" and marker not in (b"\xc4", b"\xc8", b"\xcc")
        if is_frame:
            return _numbers(content, (at + 7, 2), (at + 5, 2), "big")
        at += 2 + max(2, length)
    return None


def _numbers(
    content: bytes, width: tuple[int, int], height: tuple[int, int], order: str
) -> _Size | None:
    """The two numbers, each given by where its bytes begin and how many it has."""
    if len(content) < max(sum(width), sum(height)):
        return None
    both = (content[at : at + size] for at, size in (width, height))
    first, second = (int.from_bytes(each, "big" if order == "big" else "little") for each in both)
    return first, second


_KINDS: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], _Size | None]]] = {
    "image/png": (lambda content: content.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    "image/jpeg": (lambda content: content.startswith(b"\xff\xd8\xff"), _jpeg),
    "image/gif": (lambda content: content.startswith((b"GIF87a", b"GIF89a")), _gif),
    "image/webp": (lambda content: content[:4] + content[8:12] == b"RIFFWEBP", _webp),
}
