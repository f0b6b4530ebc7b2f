"""Makes texts of strangers safe to show: a path, a key or an error may hold anything."""

import re

#: Controls, which a terminal obeys; line and paragraph separators; embeddings, overrides and
#: isolates of direction, which make a text read as another one; surrogates, which no encoding has.
_UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, *, keep: str = "") -> str:
    r"""Write as `\x1b` or `\u202e` what a terminal might obey; all other Unicode stays.

    `keep`: control characters that stay, such as newlines where the text may have several lines.
    """
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # one byte of a file's name that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
