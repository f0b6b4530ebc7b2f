"""What a terminal may be sent, and what it may not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/etc/\x1b]0;pwned\x07", r"/etc/\x1b]0;pwned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("\x7f\0", r"\x7f\x00"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("exe.\u202etxt\u2066", r"exe.\u202etxt\u2066"),
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
    assert printable(shown) == shown
