import base64
import hashlib
import io
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from awscrt import checksums as crt
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.servers.raw import ask
from tests.servers.strict_bucket import Strict, only_moto

MIB = 1024 * 1024
PARTS = [b"first" * MIB, b"second" * MIB, b"last"]
WHOLE = b"".join(PARTS)


def b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def crc32(content: bytes) -> str:
    return b64(zlib.crc32(content).to_bytes(4, "big"))


def crc32c(content: bytes) -> str:
    return b64(crt.crc32c(content).to_bytes(4, "big"))


def crc64nvme(content: bytes) -> str:
    return b64(crt.crc64nvme(content).to_bytes(8, "big"))


def sha256(content: bytes) -> str:
    return b64(hashlib.sha256(content).digest())


class Upload:
    """A multipart upload of the object k, written out call by call."""

    def __init__(self, strict: Strict, **parameters: Any) -> None:
        self.client = strict.client
        self.where: Any = {"Bucket": strict.bucket, "Key": "k"}
        created = self.client.create_multipart_upload(**self.where, **parameters)
        self.where["UploadId"] = created["UploadId"]

    def part(self, number: int, content: bytes, **parameters: Any) -> dict[str, Any]:
        """Upload it; what the completion has to list of it."""
        answer = self.client.upload_part(
            **self.where, PartNumber=number, Body=content, **parameters
        )
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def parts(self, contents: Sequence[bytes] = PARTS, **parameters: Any) -> list[dict[str, Any]]:
        return [self.part(n, content, **parameters) for n, content in enumerate(contents, 1)]

    def complete(self, listed: Sequence[dict[str, Any]], **parameters: Any) -> None:
        parts: Any = {"Parts": listed}
        self.client.complete_multipart_upload(**self.where, MultipartUpload=parts, **parameters)


def full_object(strict: Strict) -> Upload:
    return Upload(strict, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")


def composite_sha256(strict: Strict) -> tuple[Upload, list[dict[str, Any]]]:
    upload = Upload(strict, ChecksumAlgorithm="SHA256")
    listed = upload.parts(ChecksumAlgorithm="SHA256")
    for entry, content in zip(listed, PARTS, strict=True):
        entry["ChecksumSHA256"] = sha256(content)
    return upload, listed


def sha256_of_sha256s() -> str:
    return f"{sha256(b''.join(hashlib.sha256(part).digest() for part in PARTS))}-{len(PARTS)}"


class TestTheChecksumOfTheWholeObject:
    def test_is_verified_over_the_joined_parts(self, strict: Strict) -> None:
        upload = full_object(strict)
        listed = upload.parts(ChecksumAlgorithm="CRC32")
        upload.complete(
            listed,
            ChecksumCRC32=crc32(WHOLE),
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=len(WHOLE),
        )
        assert strict.proxy.requests[-1].verified == ("x-amz-content-sha256", "crc32")
        assert strict.stored() == {"k": WHOLE}

    def test_that_lies_is_a_bad_digest_and_nothing_is_stored(self, strict: Strict) -> None:
        upload = full_object(strict)
        listed = upload.parts(ChecksumAlgorithm="CRC32")
        with pytest.raises(ClientError, match="BadDigest"):
            upload.complete(listed, ChecksumCRC32=crc32(b"other"), ChecksumType="FULL_OBJECT")
        assert [refusal.operation for refusal in strict.proxy.refusals] == [
            "CompleteMultipartUpload"
        ]
        assert strict.stored() == {}

    def test_can_be_a_crc32c(self, strict: Strict) -> None:
        upload = Upload(strict, ChecksumAlgorithm="CRC32C", ChecksumType="FULL_OBJECT")
        listed = upload.parts(ChecksumAlgorithm="CRC32C")
        with pytest.raises(ClientError, match="BadDigest"):
            upload.complete(listed, ChecksumCRC32C=crc32c(b"other"))
        upload.complete(listed, ChecksumCRC32C=crc32c(WHOLE))
        assert strict.proxy.requests[-1].verified[-1] == "crc32c"

    def test_is_always_of_the_joined_parts_for_crc64nvme(self, strict: Strict) -> None:
        upload = Upload(strict, ChecksumAlgorithm="CRC64NVME")
        listed = upload.parts(ChecksumAlgorithm="CRC64NVME")
        with pytest.raises(ClientError, match="BadDigest"):
            upload.complete(listed, ChecksumCRC64NVME=crc64nvme(b"other"))
        upload.complete(listed, ChecksumCRC64NVME=crc64nvme(WHOLE))
        assert strict.stored() == {"k": WHOLE}

    def test_is_of_the_parts_checksums_for_a_composite_one(self, strict: Strict) -> None:
        upload, listed = composite_sha256(strict)
        upload.complete(listed, ChecksumSHA256=sha256_of_sha256s())
        assert strict.proxy.requests[-1].verified[-1] == "sha256"
        assert strict.stored() == {"k": WHOLE}

    @pytest.mark.parametrize("value", [sha256(WHOLE), f"{sha256(b'other')}-3"])
    def test_that_is_not_of_the_parts_is_a_bad_digest_for_a_composite_one(
        self, strict: Strict, value: str
    ) -> None:
        upload, listed = composite_sha256(strict)
        with pytest.raises(ClientError, match="BadDigest"):
            upload.complete(listed, ChecksumSHA256=value)

    def test_of_another_type_than_the_uploads_is_a_bad_digest(self, strict: Strict) -> None:
        upload = full_object(strict)
        listed = upload.parts(ChecksumAlgorithm="CRC32")
        with pytest.raises(ClientError, match="BadDigest"):
            upload.complete(listed, ChecksumCRC32=crc32(WHOLE), ChecksumType="COMPOSITE")

    def test_of_another_algorithm_than_the_uploads_is_an_invalid_request(
        self, strict: Strict
    ) -> None:
        upload = full_object(strict)
        listed = upload.parts(ChecksumAlgorithm="CRC32")
        with pytest.raises(ClientError, match="InvalidRequest"):
            upload.complete(listed, ChecksumSHA256=sha256(WHOLE))

    def test_that_is_malformed_is_an_invalid_request(self, strict: Strict) -> None:
        upload = full_object(strict)
        listed = upload.parts(ChecksumAlgorithm="CRC32")
        with pytest.raises(ClientError, match="InvalidRequest"):
            upload.complete(listed, ChecksumCRC32="AAAA")


class TestAPart:
    def test_has_its_checksum_verified(self, strict: Strict) -> None:
        full_object(strict).part(1, PARTS[0], ChecksumCRC32=crc32(PARTS[0]))
        assert "crc32" in strict.proxy.requests[-1].verified
        assert strict.proxy.requests[-1].part_number == 1

    def test_with_a_lying_checksum_is_a_bad_digest(self, strict: Strict) -> None:
        with pytest.raises(ClientError, match="BadDigest"):
            full_object(strict).part(1, PARTS[0], ChecksumCRC32=crc32(b"other"))

    def test_with_a_checksum_of_another_algorithm_is_an_invalid_request(
        self, strict: Strict
    ) -> None:
        with pytest.raises(ClientError, match="Checksum Type mismatch"):
            full_object(strict).part(1, PARTS[0], ChecksumSHA256=sha256(PARTS[0]))

    @only_moto  # rclone has passed the former on already, and refuses
    def test_uploaded_again_replaces_the_former(self, strict: Strict) -> None:
        upload = full_object(strict)
        former = upload.part(1, PARTS[1])
        listed = upload.parts()
        with pytest.raises(ClientError, match="InvalidPart"):
            upload.complete([former, *listed[1:]])
        upload.complete(listed, ChecksumCRC32=crc32(WHOLE))
        assert strict.stored() == {"k": WHOLE}

    def test_may_leave_its_checksum_to_s3_only_if_the_objects_is_full(self, strict: Strict) -> None:
        for checksum_type, answer in [("FULL_OBJECT", None), ("COMPOSITE", "InvalidRequest")]:
            upload = Upload(strict, ChecksumAlgorithm="CRC32", ChecksumType=checksum_type)
            path = f"/{strict.bucket}/k?partNumber=1&uploadId={upload.where['UploadId']}"
            assert ask(strict.proxy.server, "PUT", path, b"content").code == answer

    def test_of_an_upload_that_never_was_is_refused(self, strict: Strict) -> None:
        upload = full_object(strict)
        upload.where["UploadId"] = "never-was"
        with pytest.raises(ClientError, match="NoSuchUpload"):
            upload.part(1, PARTS[0])


class TestTheListOfParts:
    def test_has_to_be_in_ascending_order(self, strict: Strict) -> None:
        upload = full_object(strict)
        listed = upload.parts()
        with pytest.raises(ClientError, match="InvalidPartOrder"):
            upload.complete(listed[::-1])
        assert strict.stored() == {}

    @pytest.mark.parametrize("change", [{"PartNumber": 9}, {"ETag": "another"}])
    def test_has_to_name_parts_that_are_there(self, strict: Strict, change: dict[str, Any]) -> None:
        upload = full_object(strict)
        listed = upload.parts()
        with pytest.raises(ClientError, match="InvalidPart"):
            upload.complete([*listed[:-1], listed[-1] | change])
        assert strict.stored() == {}

    def test_may_give_each_parts_checksum(self, strict: Strict) -> None:
        upload = full_object(strict)
        listed = upload.parts()
        for entry, content in zip(listed, PARTS, strict=True):
            entry["ChecksumCRC32"] = crc32(content)
        upload.complete(listed)
        assert strict.stored() == {"k": WHOLE}

    @pytest.mark.parametrize(
        "wrong",
        [{"ChecksumCRC32": crc32(b"other")}, {"ChecksumSHA256": sha256(PARTS[0])}],
    )
    def test_may_not_give_a_part_another_checksum(
        self, strict: Strict, wrong: dict[str, str]
    ) -> None:
        upload = full_object(strict)
        listed = upload.parts()
        with pytest.raises(ClientError, match="InvalidPart"):
            upload.complete([listed[0] | wrong, *listed[1:]])

    def test_has_to_give_each_parts_checksum_for_a_composite_one(self, strict: Strict) -> None:
        upload, listed = composite_sha256(strict)
        del listed[1]["ChecksumSHA256"]
        with pytest.raises(ClientError, match="must include the checksum for each part"):
            upload.complete(listed)

    def test_may_hold_a_small_part_only_at_its_end(self, strict: Strict) -> None:
        upload = full_object(strict)
        listed = upload.parts([b"x" * (5 * MIB - 1), b"last"])
        with pytest.raises(ClientError, match="EntityTooSmall"):
            upload.complete(listed)
        upload = full_object(strict)
        upload.complete(upload.parts([b"x" * (5 * MIB), b"last"]))
        assert len(strict.stored()["k"]) == 5 * MIB + 4

    def test_that_is_empty_is_malformed(self, strict: Strict) -> None:
        with pytest.raises(ClientError, match="MalformedXML"):
            full_object(strict).complete([])

    def test_has_to_add_up_to_the_size_that_is_stated(self, strict: Strict) -> None:
        upload = full_object(strict)
        listed = upload.parts()
        with pytest.raises(ClientError, match="x-amz-mp-object-size"):
            upload.complete(listed, MpuObjectSize=len(WHOLE) - 1)
        upload.complete(listed, MpuObjectSize=len(WHOLE))
        assert strict.stored() == {"k": WHOLE}


class TestTheChecksumAskedForAtTheStart:
    @pytest.mark.parametrize(
        ("algorithm", "checksum_type"), [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")]
    )
    def test_has_to_exist(self, strict: Strict, algorithm: str, checksum_type: str) -> None:
        with pytest.raises(ClientError, match="InvalidRequest"):
            Upload(strict, ChecksumAlgorithm=algorithm, ChecksumType=checksum_type)

    def test_is_composite_for_crc32_unless_the_type_is_given(self, strict: Strict) -> None:
        upload = Upload(strict, ChecksumAlgorithm="CRC32")
        listed = upload.parts()
        for entry, content in zip(listed, PARTS, strict=True):
            entry["ChecksumCRC32"] = crc32(content)
        with pytest.raises(ClientError, match="BadDigest"):
            upload.complete(listed, ChecksumCRC32=crc32(WHOLE))
        upload.complete(listed)

    def test_is_crc64nvme_of_the_whole_where_none_was_asked_for(self, strict: Strict) -> None:
        upload = Upload(strict)
        listed = upload.parts()
        for wrong in ({"ChecksumCRC64NVME": crc64nvme(b"other")}, {"ChecksumCRC32": crc32(WHOLE)}):
            with pytest.raises(ClientError, match=r"BadDigest|InvalidRequest"):
                upload.complete(listed, **wrong)
        with pytest.raises(ClientError, match="InvalidPart"):
            upload.complete([listed[0] | {"ChecksumCRC32": crc32(PARTS[0])}, *listed[1:]])
        upload.complete(listed, ChecksumCRC64NVME=crc64nvme(WHOLE))
        assert strict.proxy.requests[-1].verified[-1] == "crc64nvme"
        assert strict.stored() == {"k": WHOLE}


def test_an_aborted_upload_leaves_nothing(strict: Strict) -> None:
    upload = full_object(strict)
    upload.parts()
    strict.client.abort_multipart_upload(**upload.where)
    assert strict.stored() == {}
    assert strict.client.list_multipart_uploads(Bucket=strict.bucket).get("Uploads", []) == []
    assert [r.operation for r in strict.proxy.requests[-2:]] == [
        "AbortMultipartUpload",
        "ListMultipartUploads",
    ]


@only_moto  # rclone answers without the parts' checksums, which boto3 would give back
def test_boto3s_own_parallel_upload_passes_every_check(strict: Strict) -> None:
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    strict.client.upload_fileobj(io.BytesIO(WHOLE), strict.bucket, "k", Config=config)
    assert strict.proxy.refusals == []
    parts = [r for r in strict.proxy.requests if r.operation == "UploadPart"]
    assert len(parts) == 3
    assert all("crc32" in part.verified for part in parts)
    assert strict.stored() == {"k": WHOLE}
