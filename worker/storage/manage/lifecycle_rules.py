"""Reads a bucket's lifecycle rules, and replaces oneprefix's own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from worker.errors import LifecycleUnknown
from worker.models.lifecycle import LifecycleRule
from worker.storage.errors import translated_s3_errors
from worker.storage.manage.lifecycle_document import EMPTY, merged, read

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3LifecycleRules:
    """Needs a client of its own, since it hooks into the client's events.

    S3 replaces all rules at once, and botocore would drop elements that it does not know: the XML
    is read and sent past botocore's parser.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def lifecycle_rules(self) -> list[LifecycleRule]:
        return read(self._get()[0])

    def planned(self, ours: Iterable[LifecycleRule]) -> list[LifecycleRule]:
        """All rules as `apply` would leave them; changes nothing."""
        return read(merged(self._get()[0], ours))

    def apply(self, ours: Iterable[LifecycleRule]) -> list[LifecycleRule]:
        """Replace oneprefix's own rules; leave all others untouched. Returns all rules."""
        document, kept = self._get()
        changed = merged(document, ours)

        def send(params: dict[str, Any], **_: Any) -> None:
            params["body"] = changed

        doing = f"changing the lifecycle rules of {self._bucket}"
        with translated_s3_errors(doing), self._during("before-call", "Put", send):
            self._client.put_bucket_lifecycle_configuration(
                Bucket=self._bucket, LifecycleConfiguration={"Rules": []}, **kept
            )
        return self.lifecycle_rules()

    def _get(self) -> tuple[bytes, dict[str, Any]]:
        """The document, and arguments without which S3 would reset a default of the bucket."""
        received = [EMPTY]

        def keep(response_dict: dict[str, Any], **_: Any) -> None:
            received.append(response_dict["body"])

        doing = f"reading the lifecycle rules of {self._bucket}"
        with translated_s3_errors(doing), self._during("before-parse", "Get", keep):
            try:
                answer: Any = self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
                    raise
                return EMPTY, {}
        if b"<LifecycleConfiguration" not in received[-1]:
            raise LifecycleUnknown(f"{doing}: the store knows no lifecycle rules")
        name = "TransitionDefaultMinimumObjectSize"
        return received[-1], {name: answer[name]} if name in answer else {}

    @contextmanager
    def _during(self, event: str, verb: str, handler: Any) -> Iterator[None]:
        name = f"{event}.s3.{verb}BucketLifecycleConfiguration"
        self._client.meta.events.register(name, handler)
        try:
            yield
        finally:
            self._client.meta.events.unregister(name, handler)
