"""Presigned GETs of artifacts."""

from datetime import timedelta

from worker.models.presigned_url import DownloadLocation
from worker.models.stored_object import StoredObject
from worker.storage.presigner import Presigner


class S3DownloadLocations:
    def __init__(self, presigner: Presigner, bucket: str) -> None:
        self._presigner = presigner
        self._bucket = bucket

    def locate(
        self, stored: StoredObject, file_name: str, expires_in: timedelta
    ) -> DownloadLocation:
        """Where to GET the object; raises ExpiryRefused."""
        parameters = {
            "Bucket": self._bucket,
            "Key": stored.key,
            "ResponseContentDisposition": f'attachment; filename="{file_name}"',
        }
        url, expires_at = self._presigner.presigned("get_object", parameters, expires_in)
        return DownloadLocation(
            url, stored.key, stored.size, stored.storage_class, file_name, expires_at
        )
