"""Sends an archive that fits into one part, in one request."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from worker.models.artifact import Artifact
from worker.storage.objects.bucket import Bucket
from worker.storage.upload.checksums import RequestChecksums, WholeObject
from worker.storage.upload.conditional_write import Condition, ConditionalWriter
from worker.storage.upload.part_body import PartBody
from worker.storage.upload.parts import Part


class SinglePut:
    """An `OutgoingArchive` without a multipart upload: nothing leaves before it is completed."""

    multipart_upload_id = None

    def __init__(
        self,
        bucket: Bucket,
        writer: ConditionalWriter,
        checksums: RequestChecksums,
        part: Part,
        *,
        request: Mapping[str, Any],
        before_piece: Callable[[int], None],
        taken: Callable[[int], None] = lambda _size: None,
    ) -> None:
        """`request`: arguments of PutObject beside body and checksums, as boto3 names them.

        `before_piece`: see `PartBody`. `taken` is called with the bytes that S3 has taken.
        """
        self._client = bucket.client
        self._writer = writer
        self._part = part
        self._before_piece = before_piece
        self._taken = taken
        digest = sha256()
        for piece in part.pieces:
            digest.update(piece)
        whole = WholeObject()
        whole.add(part)
        self._artifact = whole.artifact(request["Key"], digest.hexdigest())
        # only here: a multipart upload takes its metadata before its bytes are known
        metadata = request["Metadata"] | {"sha256": digest.hexdigest()}
        self._request = {**request, **checksums.for_part(part), "Metadata": metadata}

    def send_parts(self) -> Artifact:
        return self._artifact

    def complete(self, condition: Condition | None = None) -> Condition | None:
        return self._writer.write(self._artifact, condition, self._put)

    def _put(self, condition: Condition) -> str | None:
        body: Any = PartBody(self._part, self._before_piece)  # as much of a file as is read
        answer = self._client.put_object(Body=body, **self._request, **condition)
        self._taken(self._part.size)
        return answer.get("ChecksumCRC32")
