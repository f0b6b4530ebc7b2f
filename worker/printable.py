"""Makes texts of strangers safe to show: a path, a key or an error may hold anything."""

import re

#: Controls, which a terminal obeys; line and paragraph separators; marks, embeddings, overrides and
#: isolates of direction, which make a text read as another one; surrogates, which no encoding has.
_UNPRINTABLE = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
#: Backslashes before what would read as an escape, or before one.
_LIKE_ESCAPES = re.compile(rf"\\+(?=[tnr]|x[0-9a-f]{{2}}|u[0-9a-f]{{4}}|{_UNPRINTABLE.pattern})")


def printable(text: str, *, keep: str = "") -> str:
    r"""Write as `\x1b` or `\u202e` what a terminal might obey; all other Unicode stays.

    `keep`: control characters that stay, such as newlines where the text may have several lines.
    """
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else escaped(found[0]), text)


def unambiguous(text: str) -> str:
    r"""Write as `printable` does, and a typed `\x1b` as `\\x1b`: no two texts are shown alike."""
    return printable(_LIKE_ESCAPES.sub(lambda found: 2 * found[0], text))


def escaped(character: str) -> str:
    """Write one character as an escape; in a surrogate's place the byte that it stands for."""
    if "\udc80" <= character <= "\udcff":  # one byte of a file's name that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    if "\x80" <= character <= "\x9f":  # not to be taken for such a byte
        return f"\\u{ord(character):04x}"
    return character.encode("unicode_escape").decode()
