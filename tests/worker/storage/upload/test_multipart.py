import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from worker.storage.objects.bucket import Bucket
from worker.storage.upload.checksums import Crc32Checksums
from worker.storage.upload.conditional_write import ConditionalWriter
from worker.storage.upload.fast_part_requests import PartRequests
from worker.storage.upload.limits import Sending
from worker.storage.upload.multipart import MultipartUpload, Target, aborted_unless_resumable
from worker.storage.upload.parts import Part


class SlowStore:
    """A client that reads each part to its end, slowly, and counts how many it reads at once."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.parts: dict[int, bytes] = {}
        self.aborted = False
        self.most_at_once = 0
        self._fails_at = fails_at
        self._at_once = 0
        self._lock = threading.Lock()

    def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        return {"UploadId": "u"}

    def upload_part(self, PartNumber: int, Body: Any, **_: Any) -> dict[str, str]:  # noqa: N803  boto3's
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        Body.begin_sending()
        time.sleep(0.02)
        if PartNumber == self._fails_at:
            raise ConnectionResetError
        self.parts[PartNumber] = b"".join(map(bytes, iter(Body.read, b"")))
        with self._lock:
            self._at_once -= 1
        return {"ETag": f"e{PartNumber}"}

    def complete_multipart_upload(self, MultipartUpload: Any, **_: Any) -> dict[str, str]:  # noqa: N803
        numbers = [part["PartNumber"] for part in MultipartUpload["Parts"]]
        tags = [part["ETag"] for part in MultipartUpload["Parts"]]
        assert (numbers, tags) == (sorted(self.parts), [f"e{n}" for n in sorted(self.parts)])
        return {}

    def head_object(self, **_: Any) -> dict[str, Any]:
        size = sum(map(len, self.parts.values()))
        changed = datetime(2026, 1, 1, tzinfo=UTC)
        return {"ContentLength": size, "ETag": "e", "LastModified": changed, "Metadata": {}}

    def abort_multipart_upload(self, **_: Any) -> None:
        self.aborted = True


def part_of(content: bytes) -> Part:
    part = Part()
    part.add(memoryview(content))
    return part


@contextmanager
def sending(store: Any, parts: Iterable[Part], connections: int) -> Iterator[MultipartUpload]:
    bucket = Bucket(store, "b")
    target = Target(Bucket="b", Key="k", UploadId="u")
    upload = MultipartUpload(
        bucket,
        target,
        parts,
        Sending(connections=connections),
        requests=PartRequests(store, None),
        writer=ConditionalWriter(bucket),
        checksums=Crc32Checksums(),
        stored={},
        sent=lambda _size: None,
        check=lambda: None,
    )
    with aborted_unless_resumable(bucket, "k", upload):
        yield upload


def send_all(store: Any, contents: list[bytes], connections: int) -> None:
    with sending(store, map(part_of, contents), connections) as upload:
        upload.send_parts()
        assert upload.complete() is None


def nothing_still_sends() -> bool:
    return not [each for each in threading.enumerate() if each.name.startswith("sending")]


@pytest.mark.parametrize("connections", [1, 2, 5])
def test_as_many_parts_go_at_once_as_there_are_connections(connections: int) -> None:
    store = SlowStore()
    contents = [b"%d" % number for number in range(20)]
    send_all(store, contents, connections)
    assert [store.parts[number] for number in sorted(store.parts)] == contents
    assert store.most_at_once == connections
    assert not store.aborted
    assert nothing_still_sends()


@pytest.mark.parametrize("number", range(1, 7))
def test_a_part_that_fails_ends_the_upload_which_is_aborted_once_nothing_is_sent(
    number: int,
) -> None:
    store = SlowStore(fails_at=number)
    with pytest.raises(ConnectionResetError):
        send_all(store, [b"x"] * 6, connections=2)
    assert store.aborted
    assert nothing_still_sends()


def test_a_part_on_its_way_is_given_up_when_the_upload_is() -> None:
    store: Any = SlowStore()

    def interrupted() -> Iterator[Part]:
        yield part_of(b"x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), sending(store, interrupted(), 8) as upload:
        upload.send_parts()
    assert store.aborted
    assert store.parts == {}
    assert nothing_still_sends()
