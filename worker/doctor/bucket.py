"""What a worker needs of its bucket, tried out under keys that no job has."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from isal import isal_zlib

from worker.doctor.credentials import credentials
from worker.doctor.encryption import diagnose_encryption
from worker.doctor.finding import Check, Diagnosis, broken, diagnose_skew, ok, warning
from worker.doctor.trial_objects import PREFIX, TrialObjects
from worker.errors import LifecycleUnknown
from worker.models.lifecycle import aborts_incomplete_uploads
from worker.redaction import redacted
from worker.storage.errors import refuses_checksums, refuses_conditions, translated_s3_errors
from worker.storage.manage.lifecycle_rules import S3LifecycleRules
from worker.storage.objects.bucket import Bucket
from worker.storage.objects.checksums import CRC32, encode_crc32

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

AREA = "S3"
CONTENT = b"oneprefix doctor"
CRC = isal_zlib.crc32(CONTENT)
#: Seconds of clock skew from which on S3 answers RequestTimeTooSkewed.
S3_MAX_CLOCK_SKEW = 900

_WORKS_WITHOUT = "oneprefix works all the same; another store would guard better"
_MD5_INSTEAD = "refuses CRC-32; MD5 is sent instead"


class BucketChecks:
    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._trials = TrialObjects(client, bucket)
        self._skew: float | None = None
        """Seconds that S3's clock is ahead of ours, once S3 has answered."""

    def checks(self) -> list[Check]:
        settings = "correct ONEPREFIX_S3_BUCKET, AWS_ENDPOINT_URL_S3, AWS_REGION or the credentials"
        writes = "allow s3:PutObject, s3:GetObject and s3:AbortMultipartUpload on the bucket"
        return [
            Check(AREA, "bucket", self.reach, settings, is_gate=True),
            Check(AREA, "encryption", self.encryption, settings),
            Check(AREA, "credentials", lambda: credentials(self._client), "give the SDK others"),
            Check(AREA, "clock", self.clock, "set the clocks by NTP"),
            Check(AREA, "objects", self.objects, writes),
            Check(AREA, "multipart", self.multipart, writes),
            Check(AREA, "checksums", self.checksums, writes),
            Check(AREA, "conditions", self.conditions, writes),
            Check(AREA, "lifecycle", self.lifecycle, "allow s3:GetLifecycleConfiguration"),
            Check(AREA, "left behind", self.left_behind, "delete the object by hand"),
        ]

    def reach(self) -> Diagnosis:
        where = f"{self._bucket} at {redacted(self._client.meta.endpoint_url)}"
        with translated_s3_errors(f"reaching {where}"):
            try:
                answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=PREFIX, MaxKeys=1)
            except ClientError as error:
                self._skew = _skew(error.response)
                if abs(self._skew or 0) >= S3_MAX_CLOCK_SKEW:
                    found = diagnose_skew(self._skew or 0).found
                    return broken(f"refused, since its clock is {found}", "set the clocks by NTP")
                if error.response["Error"]["Code"] != "AccessDenied":
                    raise
                return warning(
                    f"{where}, which may not be listed",
                    "allow s3:ListBucket: `oneprefix ls`, `verify` and others need it",
                )
        self._skew = _skew(answer)
        return ok(where)

    def encryption(self) -> Diagnosis:
        endpoint = urlsplit(self._client.meta.endpoint_url)
        return diagnose_encryption(
            endpoint.hostname,
            encrypted=endpoint.scheme == "https",
            advice="use https:// in AWS_ENDPOINT_URL_S3; AWS_CA_BUNDLE names your own authority",
        )

    def clock(self) -> Diagnosis:
        if self._skew is None:
            return warning("S3 does not tell its time", "compare the clocks by hand")
        return diagnose_skew(self._skew, refused_from=S3_MAX_CLOCK_SKEW)

    def objects(self) -> Diagnosis:
        with self._trials.key() as key, translated_s3_errors(f"writing and reading {key}"):
            self._put(key)
            read = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        if read != CONTENT:
            return broken("what was read is not what was written", "use another store")
        return ok("written and read")

    def multipart(self) -> Diagnosis:
        with self._trials.key() as key, translated_s3_errors(f"sending {key} in parts"):
            try:
                kept = self._send_in_parts(key)
            except ClientError as error:
                if not refuses_checksums(error):
                    raise
                return warning(_MD5_INSTEAD, _WORKS_WITHOUT)
        if kept != encode_crc32(CRC):
            return warning(
                "keeps no checksum of an object sent in parts",
                "`oneprefix verify` can compare only sizes there; --deep reads every byte",
            )
        return ok("keeps the CRC-32 of the whole object")

    def checksums(self) -> Diagnosis:
        wrong = {"ChecksumAlgorithm": CRC32, "ChecksumCRC32": encode_crc32(CRC ^ 1)}
        with self._trials.key() as key, translated_s3_errors(f"writing {key}, wrong checksum"):
            try:
                self._put(key, **wrong)
            except ClientError as error:
                if refuses_checksums(error):
                    return warning(_MD5_INSTEAD, _WORKS_WITHOUT)
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 400:
                    raise
                return ok(f"a wrong one is refused: {error.response['Error']['Code']}")
        return warning(
            "an object with a wrong one is stored: damage in transit goes unnoticed",
            _WORKS_WITHOUT,
        )

    def conditions(self) -> Diagnosis:
        with self._trials.key() as key, translated_s3_errors(f"writing {key} twice"):
            self._put(key)
            try:
                self._put(key, IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] == "PreconditionFailed":
                    return ok("If-None-Match is honoured")
                if not refuses_conditions(error):
                    raise
        return warning(
            "If-None-Match is not honoured: only the lease guards a landed object",
            _WORKS_WITHOUT,
        )

    def lifecycle(self) -> Diagnosis:
        try:
            rules = S3LifecycleRules(self._client, self._bucket).lifecycle_rules()
        except LifecycleUnknown as error:
            return warning(
                error.message, "workers abort their own incomplete uploads; abort others by hand"
            )
        if aborts_incomplete_uploads(rules):
            return ok("incomplete multipart uploads are aborted")
        return warning(
            "no rule aborts incomplete multipart uploads, whose parts cost money",
            "run `oneprefix lifecycle apply`",
        )

    def left_behind(self) -> Diagnosis:
        self._trials.retry_removal()
        left = self._trials.left
        if not left:
            return ok("nothing")
        told = "; ".join(f"{key}: {why}" for key, why in left.items())
        return warning(told, "allow s3:DeleteObject, and delete the object by hand")

    def _put(self, key: str, **asked: Any) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=CONTENT, **asked)

    def _send_in_parts(self, key: str) -> str | None:
        """Return the whole object's CRC-32 as the store reports it, in base64."""
        client: Any = self._client
        crc = encode_crc32(CRC)
        where, whole = {"Bucket": self._bucket, "Key": key}, {"ChecksumType": "FULL_OBJECT"}
        created = client.create_multipart_upload(**where, **whole, ChecksumAlgorithm=CRC32)
        where_parts = where | {"UploadId": created["UploadId"]}
        checked = {"ChecksumAlgorithm": CRC32, "ChecksumCRC32": crc}
        try:
            part = client.upload_part(**where_parts, **checked, PartNumber=1, Body=CONTENT)
            parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": crc}]
            client.complete_multipart_upload(
                **where_parts,
                **whole,
                MultipartUpload={"Parts": parts},
                ChecksumCRC32=crc,
                MpuObjectSize=len(CONTENT),
            )
        except BaseException:
            # by its id, since listing may be forbidden
            with self._trials.noting_failure(key):
                client.abort_multipart_upload(**where_parts)
            raise
        kept: str | None = Bucket(client, self._bucket).require(key).fields.get("ChecksumCRC32")
        return kept


def _skew(answer: Any) -> float | None:
    """Return the seconds that S3's clock is ahead of ours, by its answer's Date."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if date is None:
        return None
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
