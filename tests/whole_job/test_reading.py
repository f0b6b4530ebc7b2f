"""`oneprefix contents` and `oneprefix cat`, and the use case behind them."""

import os
import shlex
import struct
import subprocess
from base64 import b64decode

import pytest

from tests.cli.command import ONEPREFIX
from tests.servers.faults import AnswerError, HalfAnswer, S3Request
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import FILES, Installation
from tests.whole_job.test_fetching import archive_object
from tests.worker.packaging.hostile import archive, overlapping
from tests.worker.packaging.trees import MIB, ODD_NAMES, content
from worker.errors import (
    ArtifactArchived,
    ArtifactNotFound,
    InvalidArchive,
    MemberNotFound,
    RunNotFound,
    StorageRefused,
)
from worker.models.artifact import ArtifactKind
from worker.packaging.zip.format import MAX_16
from worker.storage.objects.seekable_object import TAIL


def gets(request: S3Request) -> bool:
    return request.operation == "GetObject"


def read(installed: Installation, name: str) -> bytes:
    with installed.services.read_archive(12, 4) as opened:
        return b"".join(opened.opened.read(opened.find(name)))


def listed(installed: Installation) -> list[str]:
    with installed.services.read_archive(12, 4) as opened:
        return [member.name for member in opened.opened.members]


def test_an_archive_tells_what_it_holds_and_gives_single_files(installed: Installation) -> None:
    installed.land(4)
    assert listed(installed) == ["RUN4/", "RUN4/logs/", "RUN4/logs/solver.log", "RUN4/out.csv"]
    assert read(installed, "RUN4/out.csv") == FILES["out.csv"]
    assert read(installed, "RUN4/logs/solver.log") == b"converged\n" * 1000


def test_only_the_member_and_the_directory_travel_each_in_one_request(
    installed: Installation,
) -> None:
    files = {f"{number}.bin": content("random", MIB, number) for number in range(10)}
    installed.land(4, files)
    before = len(installed.strict.proxy.requests)
    with installed.services.read_archive(12, 4) as opened:
        assert len(opened.opened.members) == 11
        assert (opened.file.requests, opened.file.transferred) == (1, TAIL)
        member = opened.find("RUN4/3.bin")
        assert b"".join(opened.opened.read(member)) == files["3.bin"]
        assert opened.file.requests == 2
        assert TAIL + MIB < opened.file.transferred < TAIL + MIB + 1000
    asked = [each.operation for each in installed.strict.proxy.requests[before:]]
    assert asked == ["HeadObject", "GetObject", "GetObject"]


def test_large_directories_and_members_that_break_off_are_read(installed: Installation) -> None:
    files = {f"a rather long name of a file, {number:05}": b"x" for number in range(3000)}
    installed.land(4, files | {"noise": content("random", 3 * MIB)})
    installed.strict.proxy.fault(gets, HalfAnswer(), times=2)
    with installed.services.read_archive(12, 4) as opened:
        assert len(opened.opened.members) == 3002
        assert opened.file.requests == 2
        assert b"".join(opened.opened.read(opened.find("RUN4/noise"))) == content("random", 3 * MIB)
        assert opened.file.requests == 3


def test_zip64_archives_are_read(installed: Installation) -> None:
    """More members than 16 bits count, and an end that says so."""
    files = {f"{number}": b"" for number in range(MAX_16 + 10)}
    key = installed.land(4, {"d": files, "z": b"the last"})
    assert b"PK\x06\x06" in installed.strict.stored()[key][-TAIL:]
    assert len(listed(installed)) == MAX_16 + 13
    assert read(installed, "RUN4/z") == b"the last"


def test_zip64_sizes_and_offsets_are_read(installed: Installation) -> None:
    made = archive(("RUN4/a", b"first"), ("RUN4/b", b"second"))
    installed.put(ArtifactKind.RUN_RESULTS, as_zip64(made), 4)
    assert read(installed, "RUN4/b") == b"second"


def as_zip64(made: bytes) -> bytes:
    """The archive with every size and offset in 64 bits."""
    start = made.index(b"PK\x01\x02")
    end = made.index(b"PK\x05\x06")
    directory, at = b"", start
    count = 0
    while at < end:
        compressed, size, name_size = struct.unpack_from("<LLH", made, at + 20)
        [offset] = struct.unpack_from("<L", made, at + 42)
        extra = struct.pack("<HHQQQ", 1, 24, size, compressed, offset)
        header = bytearray(made[at : at + 46])
        struct.pack_into("<LL", header, 20, 0xFFFFFFFF, 0xFFFFFFFF)
        struct.pack_into("<H", header, 30, len(extra))
        struct.pack_into("<L", header, 42, 0xFFFFFFFF)
        directory += bytes(header) + made[at + 46 : at + 46 + name_size] + extra
        at += 46 + name_size
        count += 1
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), start
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(directory), 1)
    ending = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return made[:start] + directory + record + locator + ending


@only_moto
def test_hostile_names_are_shown_escaped_and_found_either_way(installed: Installation) -> None:
    installed.land(4, {name: f"{number}".encode() for number, name in enumerate(ODD_NAMES)})
    shown = installed.oneprefix("contents", "12", "4")
    assert shown.code == 0, shown
    assert "RUN4/new\\nline\n" in shown.out
    assert "RUN4/back\\\\slash\n" in shown.out
    assert "RUN4/\\xff\\xfe not UTF-8\n" in shown.out
    assert len(shown.out.splitlines()) == len(ODD_NAMES) + 1
    for number, name in enumerate(ODD_NAMES):
        if not name.startswith("-"):
            assert installed.oneprefix("cat", "12", "4", f"RUN4/{name}").out == f"{number}"
    assert installed.oneprefix("cat", "12", "4", "RUN4/new\\nline").out == "1"
    rows = installed.oneprefix("contents", "12", "4", "--json").json["members"]
    assert {f"RUN4/{name}" for name in ODD_NAMES} == {row["name"] for row in rows} - {"RUN4/"}


@only_moto
def test_the_commands_tell_what_was_transferred(installed: Installation) -> None:
    installed.land(4)
    size = len(installed.strict.stored()[installed.prefix.run_results_key(4)])
    shown = installed.oneprefix("contents", "12", "4")
    assert shown.err == f"4 members; transferred {size} B of {size} B in 1 request\n"
    assert shown.out.splitlines()[-1].split()[0::3] == ["8", "RUN4/out.csv"]
    told = installed.oneprefix("contents", "12", "4", "--json").json
    assert (told["archive_size"], told["transferred"], told["requests"]) == (size, size, 1)
    assert told["members"][0]["crc32"] == "00000000"
    one = installed.oneprefix("cat", "12", "4", "RUN4/out.csv")
    assert (one.code, one.out) == (0, "t,x\n0,1\n")
    assert one.err.startswith("RUN4/out.csv; transferred ")
    row = installed.oneprefix("cat", "12", "4", "RUN4/out.csv", "--json").json
    assert b64decode(row["base64"]) == FILES["out.csv"]


def test_a_damaged_member_is_told_and_the_others_are_read(installed: Installation) -> None:
    made = archive(("a", content("random", 1000)), ("b", b"whole"))
    installed.put(ArtifactKind.RUN_RESULTS, made[:100] + b"?" + made[101:], 4)
    with pytest.raises(InvalidArchive, match=r"^job 12, run 4: a can't be read: Bad CRC-32"):
        read(installed, "a")
    assert read(installed, "b") == b"whole"
    refused = installed.oneprefix("cat", "12", "4", "a")
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    "wrong",
    [b"", b"no zip", b"PK\x05\x06" + b"\xff" * 18, os.urandom(3 * TAIL), overlapping()],
    ids=["empty", "text", "only an end", "noise", "overlapping"],
)
def test_what_is_no_archive_is_told(installed: Installation, wrong: bytes) -> None:
    installed.put(ArtifactKind.RUN_RESULTS, wrong, 4)
    with pytest.raises(InvalidArchive, match=r"^job 12, run 4: .*archive"):
        listed(installed)


def test_a_directory_that_claims_all_the_memory_is_refused(installed: Installation) -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 0xFFFFFFF0, 0, 0)
    installed.put(ArtifactKind.RUN_RESULTS, end, 4)
    with pytest.raises(InvalidArchive, match="the archive can't be read"):
        listed(installed)


def test_what_is_not_there_is_told(installed: Installation) -> None:
    with pytest.raises(ArtifactNotFound, match=r"^job 12, run 4: its results have not landed"):
        listed(installed)
    with pytest.raises(RunNotFound, match=r"^run 41: there is no such run$"):
        installed.services.read_archive(12, 41).__enter__()
    installed.land(4)
    for name in ("RUN4/nothing\n", "RUN4/", "out.csv"):
        with pytest.raises(MemberNotFound, match="job 12, run 4: the archive holds no file"):
            read(installed, name)
    installed.strict.proxy.fault(gets, AnswerError(403, "AccessDenied"))
    with pytest.raises(StorageRefused, match=r"job 12, run 4: reading .* AccessDenied"):
        listed(installed)


@only_moto
def test_an_archived_object_is_told_with_how_to_restore_it(installed: Installation) -> None:
    archive_object(installed, installed.land(4))
    with pytest.raises(ArtifactArchived, match=r"^job 12, run 4: .* in GLACIER .* restore"):
        listed(installed)
    refused = installed.oneprefix("cat", "12", "4", "RUN4/out.csv")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "oneprefix restore" in refused.err


@only_moto
def test_who_reads_no_further_ends_it_quietly(installed: Installation) -> None:
    installed.land(4, {"series": content("series", 5 * MIB)})
    command = shlex.join([*ONEPREFIX, "cat", "12", "4", "RUN4/series"])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1"],
        env=installed.command.surroundings,
        cwd=installed.results,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("0,0.000,17.25\n", "")
