"""What the use cases ask of the outside: each Protocol holds only what somebody calls."""

from worker.interfaces.archives import (
    ArchiveCheck,
    ArchiveFile,
    Content,
    ObjectReader,
    OpenedZip,
    Unzip,
)
from worker.interfaces.moving import ArchiveStore, DoomedObjects, RestoreStore, ScatteredObjects
from worker.interfaces.objects import (
    ArtifactStore,
    ArtifactUploads,
    DownloadLocationRepository,
    Downloads,
    InspectedStore,
    UploadLocationRepository,
)
from worker.interfaces.rows import (
    DeletionRepository,
    JobRepository,
    LeaseRepository,
    MovedResults,
    OrphanRepository,
    RequestRepository,
    ResultLocations,
    RunRepository,
    UploadRecords,
    UploadRepository,
)
from worker.interfaces.uploading import (
    Attempt,
    OpenUploads,
    Package,
    Packager,
    Places,
    ResultsRepository,
)

__all__ = [
    "ArchiveCheck",
    "ArchiveFile",
    "ArchiveStore",
    "ArtifactStore",
    "ArtifactUploads",
    "Attempt",
    "Content",
    "DeletionRepository",
    "DoomedObjects",
    "DownloadLocationRepository",
    "Downloads",
    "InspectedStore",
    "JobRepository",
    "LeaseRepository",
    "MovedResults",
    "ObjectReader",
    "OpenUploads",
    "OpenedZip",
    "OrphanRepository",
    "Package",
    "Packager",
    "Places",
    "RequestRepository",
    "RestoreStore",
    "ResultLocations",
    "ResultsRepository",
    "RunRepository",
    "ScatteredObjects",
    "Unzip",
    "UploadLocationRepository",
    "UploadRecords",
    "UploadRepository",
]
