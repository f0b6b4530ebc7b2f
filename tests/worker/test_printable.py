"""What a terminal may be sent, and what it may not."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.printable import printable, unambiguous


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/etc/\x1b]0;pwned\x07", r"/etc/\x1b]0;pwned\x07"),
        ("\x9b31m", r"\u009b31m"),
        ("\x7f\0", r"\x7f\x00"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("exe.\u202etxt\u2066", r"exe.\u202etxt\u2066"),
        ("a\u200eb\u200fc\u061cd", r"a\u200eb\u200fc\u061cd"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_a_terminal_obeys_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["", "/results/RUN4", "Größe 5 µm", "日本語", "שלום", "👩‍🚀", "C:\\RUN4", "می‌خواهم"]
)
def test_ordinary_unicode_stays(text: str) -> None:
    assert printable(text) == text


def test_newlines_stay_where_a_text_may_have_several_lines() -> None:
    assert printable("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"


@given(st.text(st.characters(codec=None)))
def test_nothing_that_is_shown_is_a_control_or_a_surrogate(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(each) for each in shown} & {
        *("LRE", "RLE", "LRO", "RLO", "PDF"),
        *("LRI", "RLI", "FSI", "PDI"),
    }
    assert not set(shown) & set("\u200e\u200f\u061c")
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"\x1b", r"\\x1b"),
        ("\\\x1b", r"\\\x1b"),
        (r"\\x1b", r"\\\\x1b"),
        (r"\u202e\n", r"\\u202e\\n"),
        ("\x1b", r"\x1b"),
        (r"C:\RUN4\xyz\[/]", r"C:\RUN4\xyz\[/]"),
    ],
)
def test_what_is_typed_like_an_escape_has_its_backslash_doubled(text: str, shown: str) -> None:
    assert unambiguous(text) == shown


#: Texts that are made of what escapes are made of, and of what they stand for.
ALIKE = st.text(st.sampled_from("\\x1b0u29en\n\x1b\x9b\udc9b\u202e[") | st.characters(codec=None))


@given(ALIKE, ALIKE)
@example("\x9b", "\udc9b")
def test_no_two_texts_are_shown_alike(one: str, other: str) -> None:
    assert (unambiguous(one) == unambiguous(other)) is (one == other)


@given(ALIKE)
def test_what_is_shown_tells_the_text(text: str) -> None:
    """An inverse exists, which finds what two random texts hardly would."""
    assert told(unambiguous(text)) == text


def told(shown: str) -> str:
    escape = r"(\\+)(?:([tnr])|x([0-9a-f]{2})|u([0-9a-f]{4}))"
    return re.sub(escape, _told, shown)


def _told(found: re.Match[str]) -> str:
    backslashes, letter, byte, code = found.groups()
    kept = backslashes[: len(backslashes) // 2]
    if len(backslashes) % 2 == 0:
        return kept + found[0][len(backslashes) :]
    if letter:
        return kept + {"t": "\t", "n": "\n", "r": "\r"}[letter]
    number = int(byte or code, 16)
    return kept + chr(number + 0xDC00 if byte and number >= 0x80 else number)
