"""What lies in the bucket: the tree of artifacts, downloads, and archives' members."""

import io
import os
import struct
import zlib
from html import unescape
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import pytest

from tests.end_to_end.cluster import CREATED_AT
from tests.web.conftest import Site
from web.preview.bytes import MOST_OF_A_TEXT
from web.preview.image import MOST_PIXELS, image_of
from worker.database.jobs import add_job
from worker.models.artifact import ArtifactKind

FILES = "/jobs/12/runs/4/files"
FILE, IMAGE = "/jobs/12/runs/4/file?name=", "/jobs/12/runs/4/image?name="


def png(width: int, height: int, content: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = content or zlib.compress(b"\0" * (width + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines)


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """One kind is enough: what is tested here lies in S3."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def site(site: Site) -> Site:
    add_job(site.engine, 12, CREATED_AT, [4, 5])
    return site


def hold(site: Site, members: dict[str, bytes], *, method: int = ZIP_DEFLATED) -> None:
    """Put an archive of these members where run 4's results lie."""
    held = io.BytesIO()
    with ZipFile(held, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    site.put(site.prefix.run_results_key(4), held.getvalue())


def test_the_tree_has_every_artifact_with_its_size_and_a_download(site: Site) -> None:
    site.land(4, {"out.csv": b"1,2\n"})
    site.put(site.prefix.job_config_key(), b"{}" * 700)
    odd = site.prefix.folder + "a\u202e<b>&'\"?#%2e"
    site.put(odd, b"odd")
    with site.open() as ask:
        page = ask("/jobs/12/artifacts")
        found = ask("/jobs/12/artifacts?format=json").json
        assert page.status == 200
        assert "job_config.json" in page.text
        assert "1.4 KiB" in page.text
        assert "<b>&" not in page.text
        assert "\u202e" not in page.text
        assert {each["key"] for each in found} == {
            odd,
            site.prefix.job_config_key(),
            site.prefix.run_results_key(4),
        }
        assert "X-Amz-Signature" not in page.text
        for each in found:
            answer = ask(f"/jobs/12/download?key={quote(each['key'])}")
            assert answer.status == 302
            assert "X-Amz-Expires=300" in answer.headers["location"]
            with urlopen(answer.headers["location"], timeout=10) as download:
                assert len(download.read()) == each["size"]
        whole = ask("/jobs/12/runs/4/download")
        assert whole.status == 302
        with urlopen(whole.headers["location"], timeout=10) as download:
            assert ZipFile(io.BytesIO(download.read())).namelist() == ["RUN4/", "RUN4/out.csv"]


def test_a_download_names_the_store_as_people_reach_it(site: Site) -> None:
    site.land(4, {"out.csv": b"1,2\n"})
    with site.open(presigned_endpoint="http://store.example:9000") as ask:
        answer = ask("/jobs/12/runs/4/download")
    assert answer.headers["location"].startswith("http://store.example:9000/")


@pytest.mark.parametrize("key", ["jobs/13/secret", "secret", "jobs/12", "", "jobs/12/../13/secret"])
def test_nothing_outside_the_jobs_prefix_can_be_downloaded(site: Site, key: str) -> None:
    for there in ("jobs/13/secret", "secret"):
        site.put(there, b"secret")
    with site.open() as ask:
        answer = ask(f"/jobs/12/download?format=json&key={quote(key)}")
    assert answer.status == (404 if key else 400)
    assert "location" not in answer.headers


def test_the_members_are_listed_without_downloading_the_archive(site: Site) -> None:
    site.land(4, {"logs": {"solver.log": b"ok\n"}, "big.bin": os.urandom(3 << 20)})
    with site.open() as ask:
        page = ask(FILES).text
        found = ask(f"{FILES}?format=json&name=SOLVER").json
    assert "Read 128.0 KiB of 3.0 MiB in 1 request" in page
    assert [each["name"] for each in found] == ["RUN4/logs/solver.log"]
    assert found[0]["size"] == 3


def test_a_text_is_shown_to_its_cap_and_no_more_is_read(site: Site) -> None:
    site.land(4, {"a.log": b"line \x1b[31m<i>\n" + os.urandom(1 << 20).hex().encode()})
    with site.open() as ask:
        page = ask(FILE + "RUN4/a.log").text
    assert r"line \x1b[31m&lt;i&gt;" in page
    assert "Only the first 256.0 KiB are read." in page
    shown = page.partition("<pre>")[2].partition("</pre>")[0]
    assert len(unescape(shown)) == MOST_OF_A_TEXT + 3  # the escape has four characters for one
    read = page.partition("Read ")[2].partition(" of")[0]
    assert read.endswith("KiB")
    assert float(read.split()[0]) < 700


def test_a_csv_is_a_table_and_a_plot(site: Site) -> None:
    rows = "".join(f"{i / 10},{i * i},{-i},x\n" for i in range(300))
    site.land(4, {"out.csv": ("t,p,q,name\n" + rows).encode()})
    with site.open() as ask:
        page = ask(FILE + "RUN4/out.csv").text
        other = ask(FILE + "RUN4/out.csv&x=p&y=q").text
    assert "<th><bdi>name</bdi></th>" in page
    assert page.count("<tr>") == 101
    assert page.count("<polyline") == 2
    assert 'aria-label="p, q against t"' in page
    assert 'aria-label="q against p"' in other
    assert other.count("<polyline") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n",
        b"a,b\nx,y\nz,w\n",
        b"a,b\n1,nan\n2,inf\n3,1e999\n4,2\n",
        b"a,b\n1,1\n1,1\n",
        b'"' * 999,
        b"a" * 200_000 + b",b\n1,2\n",
        b"\xff,\xfe\n1,2\n3,4\n",
        b"a,b\n" + b"1,2,3\n" * 9000,
        ("a\u202e,=cmd|'/c calc'!A0\n1,2\n3,4\n").encode(),
    ],
)
def test_no_csv_is_too_odd_to_be_shown(site: Site, content: bytes) -> None:
    hold(site, {"x.csv": content})
    with site.open() as ask:
        answer = ask(FILE + "x.csv")
    assert answer.status == 200
    assert "\u202e" not in answer.text


def test_an_image_is_shown_as_what_its_bytes_are(site: Site) -> None:
    hold(site, {"a.png": png(3, 2), "b.jpg": b"<svg onload=alert(1)>", "c.svg": b"<svg/>"})
    with site.open() as ask:
        shown = ask(IMAGE + "a.png")
        assert (shown.status, shown.headers["content-type"]) == (200, "image/png")
        assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert shown.body == png(3, 2)
        assert ask(IMAGE + "b.jpg&format=json").status == 400
        assert ask(IMAGE + "c.svg&format=json").status == 400
        as_text = ask(FILE + "c.svg")
    assert "&lt;svg/&gt;" in as_text.text
    assert "<img class" not in as_text.text


def test_a_picture_that_unpacks_to_too_much_is_refused() -> None:
    assert image_of(png(1000, 1000)) == "image/png"
    assert image_of(png(MOST_PIXELS, 2, b"x")) is None
    assert image_of(png(1 << 31, 1 << 31, b"x")) is None
    assert image_of(b"GIF89a" + struct.pack("<HH", 65535, 65535)) is None
    assert image_of(b"GIF89a" + struct.pack("<HH", 4, 4)) == "image/gif"
    webp = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x03\0\0\x03\0\0"
    assert image_of(webp) == "image/webp"
    assert image_of(webp.replace(b"\x03\0\0", b"\xff\xff\xff")) is None
    frame = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 16, 16)
    assert image_of(b"\xff\xd8\xff\xe0\0\4ab" + frame) == "image/jpeg"
    assert image_of(b"\xff\xd8" + b"\xff\xe0\0\0" * 9) is None
    for begin in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF0000WEBP"):
        assert image_of(begin) is None


def test_bombs_are_unpacked_to_the_cap_or_not_at_all(site: Site) -> None:
    hold(site, {"zeros.txt": b"0" * (200 << 20)})
    with site.open() as ask:
        assert "Only the first 256.0 KiB" in ask(FILE + "zeros.txt").text
    hold(site, {"zeros.txt": b"0" * (20 << 20), "a.png": b"0" * (20 << 20)}, method=ZIP_BZIP2)
    with site.open() as ask:
        for path in (FILE + "zeros.txt", IMAGE + "a.png"):
            refused = ask(path + "&format=json")
            assert refused.status == 400
            assert "by a method that pages do not unpack" in refused.json["error"]


def test_an_archive_that_is_none_is_told_in_a_sentence(site: Site) -> None:
    site.put(site.prefix.run_results_key(4), b"PK\5\6 no archive")
    with site.open() as ask:
        answer = ask(FILES)
        missing = ask("/jobs/12/runs/5/files")
    assert answer.status == 422
    assert "can&#39;t be read" in answer.text
    assert missing.status == 404
    assert "have not landed" in missing.text


def test_a_directory_of_too_many_members_is_not_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.bootstrap.services.MAX_DIRECTORY", 1 << 10)
    hold(site, {f"{number:0100}": b"" for number in range(100)})
    with site.open() as ask:
        assert ask(FILES).status == 422


def test_members_of_any_name_are_found_and_shown_harmlessly(site: Site) -> None:
    names = ["<script>alert(1)<b>", "a\x1b[31m", r"a\x1b[31m", "b\u202etxt", "\udcf6", "x&y=1#?%41"]
    site.land(4, {name: f"holds {number}".encode() for number, name in enumerate(names)})
    with site.open() as ask:
        page = ask(FILES).text
        found = ask(f"{FILES}?format=json").json
        shown = [each["name"] for each in found if not each["name"].endswith("/")]
        told = {name: ask(FILE + quote(name)).text for name in shown}
    assert len(set(shown)) == len(names)
    assert {f"holds {number}" in "".join(told.values()) for number in range(len(names))} == {True}
    for text in [page, *told.values()]:
        assert "<script>alert" not in text
        assert not {"\x1b", "\u202e", "\udcf6"} & set(text)


def test_a_kind_of_artifact_that_a_worker_does_not_write_is_in_the_tree(site: Site) -> None:
    site.put(site.prefix.run_logs_key(5), b"log")
    with site.open() as ask:
        [found] = ask("/jobs/12/artifacts?format=json").json
    assert (found["kind"], found["run_id"]) == (ArtifactKind.RUN_LOGS, 5)
