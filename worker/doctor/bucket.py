"""What a worker needs of S3, tried out under keys that no job has; nothing is left there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from isal import isal_zlib

from worker.doctor.finding import Check, Diagnosis, broken, judged_skew, ok, warning
from worker.errors import LifecycleUnknown
from worker.models.lifecycle import aborts_incomplete_uploads
from worker.redaction import redacted
from worker.storage.errors import refuses_checksums, refuses_conditions, translated_s3_errors
from worker.storage.manage.lifecycle_rules import S3LifecycleRules
from worker.storage.objects.checksums import encode_crc32

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

AREA = "S3"
PREFIX = "oneprefix-doctor/"
CONTENT = b"oneprefix doctor"
CRC = isal_zlib.crc32(CONTENT)
#: Seconds of skew from which on S3 answers RequestTimeTooSkewed.
MOST_SKEW = 900
#: Less than a large upload may take.
SHORT_LIFE = timedelta(hours=1)

_WORKS_WITHOUT = "oneprefix works without; another store would guard better"


class S3Checkup:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._rules = S3LifecycleRules(client, bucket)
        self._skew: float | None = None
        self._left: dict[str, str] = {}
        """Why each key that may still hold something could not be cleaned."""

    def checks(self) -> list[Check]:
        writes = "allow s3:PutObject, s3:GetObject and s3:AbortMultipartUpload on the bucket"
        return [
            Check(
                AREA,
                "bucket",
                self.reach,
                "correct ONEPREFIX_S3_BUCKET, AWS_ENDPOINT_URL_S3, AWS_REGION or the credentials",
                is_gate=True,
            ),
            Check(AREA, "credentials", self.credentials, "give the AWS SDK others"),
            Check(AREA, "clock", self.clock, "set the clocks by NTP"),
            Check(AREA, "objects", self.objects, writes),
            Check(AREA, "multipart", self.multipart, writes),
            Check(AREA, "checksums", self.wrong_checksum, writes),
            Check(AREA, "conditions", self.conditions, writes),
            Check(AREA, "lifecycle", self.lifecycle, "allow s3:GetLifecycleConfiguration"),
            Check(AREA, "left behind", self.left_behind, "delete it by hand"),
        ]

    def reach(self) -> Diagnosis:
        where = f"{self._bucket} at {redacted(self._client.meta.endpoint_url)}"
        with translated_s3_errors(f"reaching {where}"):
            try:
                answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=PREFIX, MaxKeys=1)
            except ClientError as error:
                self._skew = _skew(error.response)
                if abs(self._skew or 0) >= MOST_SKEW:
                    found = judged_skew(self._skew or 0).found
                    return broken(f"refused, since its clock is {found}", "set the clocks by NTP")
                if error.response["Error"]["Code"] != "AccessDenied":
                    raise
                return warning(
                    f"{where}, which may not be listed",
                    "allow s3:ListBucket: `oneprefix ls`, `verify` and others need it",
                )
        self._skew = _skew(answer)
        return ok(where)

    def credentials(self) -> Diagnosis:
        # private, as the pinned version has it; a test asks this way
        found: Any = self._client._request_signer._credentials  # type: ignore[attr-defined]  # noqa: SLF001
        ends = getattr(found, "_expiry_time", None)
        left = ends - datetime.now(UTC) if ends else None
        return judged_credentials(found.method, left, is_temporary=found.token is not None)

    def clock(self) -> Diagnosis:
        if self._skew is None:
            return warning("S3 does not tell its time", "compare the clocks by hand")
        return judged_skew(self._skew, refused_from=MOST_SKEW)

    def objects(self) -> Diagnosis:
        with self._key() as key, translated_s3_errors(f"writing and reading {key}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=CONTENT)
            read = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        if read != CONTENT:
            return broken("what was read is not what was written", "use another store")
        return ok("written and read")

    def multipart(self) -> Diagnosis:
        with self._key() as key, translated_s3_errors(f"sending {key} in parts"):
            try:
                kept = self._sent_in_parts(key)
            except ClientError as error:
                if not refuses_checksums(error):
                    raise
                return warning("refuses CRC-32; MD5 is sent instead", _WORKS_WITHOUT)
        if kept != encode_crc32(CRC):
            return warning(
                "keeps no checksum of an object sent in parts",
                "`oneprefix verify` can compare sizes alone there; --deep reads every byte",
            )
        return ok("keeps the CRC-32 of the whole object")

    def wrong_checksum(self) -> Diagnosis:
        with self._key() as key, translated_s3_errors(f"writing {key} with a wrong checksum"):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=CONTENT,
                    ChecksumAlgorithm="CRC32",
                    ChecksumCRC32=encode_crc32(CRC ^ 1),
                )
            except ClientError as error:
                if refuses_checksums(error):
                    return warning("refuses CRC-32; MD5 is sent instead", _WORKS_WITHOUT)
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 400:
                    raise
                return ok(f"a wrong one is refused: {error.response['Error']['Code']}")
        return warning(
            "an object with a wrong one is stored, so that damage on the way is not noticed",
            _WORKS_WITHOUT,
        )

    def conditions(self) -> Diagnosis:
        with self._key() as key, translated_s3_errors(f"writing {key} twice"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=CONTENT)
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=CONTENT, IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] == "PreconditionFailed":
                    return ok("If-None-Match is honoured")
                if not refuses_conditions(error):
                    raise
        return warning(
            "If-None-Match is not honoured: the lease alone guards what has landed",
            _WORKS_WITHOUT,
        )

    def lifecycle(self) -> Diagnosis:
        try:
            rules = self._rules.lifecycle_rules()
        except LifecycleUnknown as error:
            return warning(error.message, "workers abort what they leave; abort others' by hand")
        if aborts_incomplete_uploads(rules):
            return ok("multipart uploads that nobody completes are aborted")
        return warning(
            "no rule aborts multipart uploads that nobody completes, and their parts cost",
            "run `oneprefix lifecycle apply`",
        )

    def left_behind(self) -> Diagnosis:
        """Tries again what could not be cleaned."""
        for key in list(self._left):
            self._clean(key)
        if not self._left:
            return ok("nothing")
        told = "; ".join(f"{key}: {why}" for key, why in self._left.items())
        return warning(told, "allow s3:DeleteObject, and delete it by hand")

    def _sent_in_parts(self, key: str) -> str | None:
        """The whole object's CRC-32 as the store tells of it."""
        client, bucket, crc = self._client, self._bucket, encode_crc32(CRC)
        upload = client.create_multipart_upload(
            Bucket=bucket, Key=key, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
        )["UploadId"]
        try:
            part = client.upload_part(
                Bucket=bucket,
                Key=key,
                UploadId=upload,
                PartNumber=1,
                Body=CONTENT,
                ChecksumAlgorithm="CRC32",
                ChecksumCRC32=crc,
            )
            client.complete_multipart_upload(
                Bucket=bucket,
                Key=key,
                UploadId=upload,
                MultipartUpload={
                    "Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": crc}]
                },
                ChecksumCRC32=crc,
                ChecksumType="FULL_OBJECT",
                MpuObjectSize=len(CONTENT),
            )
        except BaseException:
            # by its id, since listing may be forbidden
            with self._noting(key):
                client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
            raise
        head = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        return head.get("ChecksumCRC32")

    @contextmanager
    def _key(self) -> Iterator[str]:
        """A key that no job has, under which nothing stays."""
        key = f"{PREFIX}{token_hex(8)}"
        try:
            yield key
        finally:
            self._clean(key)

    def _clean(self, key: str) -> None:
        self._left.pop(key, None)
        with self._noting(key):
            deleted = self._client.delete_object(Bucket=self._bucket, Key=key)
            if "VersionId" in deleted:
                self._delete_versions(key)
        with self._noting(key):
            self._abort_uploads(key)

    def _delete_versions(self, key: str) -> None:
        found = self._client.list_object_versions(Bucket=self._bucket, Prefix=key)
        for each in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
            self._client.delete_object(
                Bucket=self._bucket, Key=each["Key"], VersionId=each["VersionId"]
            )

    def _abort_uploads(self, key: str) -> None:
        """Also one whose creation's answer was lost."""
        try:
            found = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("AccessDenied", "NoSuchUpload"):
                raise
            return  # rclone says the second where there never was one
        for each in found.get("Uploads", ()):
            self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=each["Key"], UploadId=each["UploadId"]
            )

    @contextmanager
    def _noting(self, key: str) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            self._left[key] = redacted(error)


def judged_credentials(method: str, left: timedelta | None, *, is_temporary: bool) -> Diagnosis:
    """`left`: until they end, if known. `method`: where they are from, as botocore names it."""
    if left is None and not is_temporary:
        return ok(f"from {method}, without an end")
    renewed = "give workers a role, whose credentials are renewed"
    if left is None:
        return warning(f"from {method}, temporary, and nobody knows until when", renewed)
    minutes = int(left.total_seconds() // 60)
    if method == "env" and left < SHORT_LIFE:
        return warning(f"from {method}, which end in {minutes} min", renewed)
    return ok(f"from {method}, for {minutes} min" + ("" if method == "env" else ", then renewed"))


def _skew(answer: Any) -> float | None:
    """Seconds that S3's clock is ahead of ours."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if date is None:
        return None
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
