import io
import zipfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.models.archive import ZIP_TAIL, ArchiveMember, ends_as_zip


def member(name: str) -> ArchiveMember:
    return ArchiveMember(name, 0, 0, 0, 0, None, 0)


def test_what_could_fool_a_reader_is_escaped() -> None:
    assert member("RUN4/ümlaut 日本.csv").shown == "RUN4/ümlaut 日本.csv"
    assert member("a\nb\x1b[2J\\").shown == "a\\nb\\x1b[2J\\\\"
    assert member("\udcff\u202etxt.exe\ud800").shown == "\\xff\\u202etxt.exe\\ud800"


NAMES = st.text(st.characters(codec=None) | st.sampled_from("\\\x9b\udc9bx9b"), max_size=20)


@given(NAMES, NAMES)
@example("\x9b", "\udc9b")
def test_what_is_shown_is_printable_and_tells_names_apart(one: str, other: str) -> None:
    assert member(one).shown.isprintable()
    assert (member(one).shown == member(other).shown) is (one == other)


def archive(comment: bytes = b"") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        opened.writestr("out.csv", "t,x\n")
        opened.comment = comment
    return written.getvalue()


@pytest.mark.parametrize("comment", [b"", b"made by hand", b"x" * 0xFFFF])
def test_an_archive_is_whole_to_its_last_byte(comment: bytes) -> None:
    whole = archive(comment)
    assert ends_as_zip(whole[-ZIP_TAIL:])
    for cut in (1, 21, 22):
        assert not ends_as_zip(whole[:-cut])
    assert not ends_as_zip(b"")
    assert not ends_as_zip(b"PK\5\6")
