"""What can go wrong, as one tree: retrying cures a transient error and never a permanent one.

OneprefixError
├── PermanentError
│   ├── InvalidSettings            the environment lacks or garbles a setting
│   ├── InvalidRequest             a message's or a caller's arguments
│   │   └── InvalidId
│   ├── IllegalTransition          an upload can't go from this state to that one
│   ├── JobNotFound · RunNotFound · RunNotInJob
│   ├── PathRefused                outside the results roots, or through a link
│   ├── InvalidResultsDirectory    not a run's directory, or not packable as one
│   ├── PrefixMismatch             a key of one job for a run of another
│   ├── InvalidObjectUrl           no object of S3
│   ├── ArchiveDamaged             a stored archive is not what was stored
│   ├── VerificationFailed         some of a job's results are not as recorded
│   ├── ExpiryRefused              longer than S3 or the credentials let a URL live
│   ├── ArtifactNotFound           nothing lies there
│   ├── ArtifactArchived           it has to be restored before it can be read
│   ├── InvalidArchive             no ZIP, a damaged one, or one made to do harm
│   ├── MemberNotFound             the archive holds no such file
│   ├── FileUnusable               a file on this machine can't be read or written
│   ├── PlaceTaken                 another object stands where one was to be copied to
│   ├── UploadUnderWay             the artifacts of a job can't go while a worker adds to them
│   ├── PartlyFailed               some objects of a bulk operation
│   ├── StorageRefused             S3 will answer the same next time
│   │   └── LifecycleUnknown       the store has no lifecycle rules
│   ├── DatabaseRefused            SQL will answer the same next time
│   └── AttemptsExhausted          transient, too often
└── TransientError
    ├── ResultsRootMissing         this worker lacks a results root: a mount, mostly
    ├── ResultsDirectoryMissing    shared file systems lag; retried a few times only
    ├── TreeChanged                a file changed, vanished or could not be read
    ├── HelperLost                 a process that packs small files died
    ├── Postponed                  no failure, and not counted as an attempt
    │   ├── MustWait               large runs take all the places that they may
    │   └── HandedBack             the worker stops, another one goes on
    ├── Stalled                    nothing moved for too long
    ├── StorageUnavailable         S3, or the way to it
    ├── ArtifactReplaced           another object stands under the key by now
    ├── DatabaseUnavailable        SQL, or the way to it
    ├── BrokerUnavailable          the broker, or the way to it
    ├── RecordNotWritten           the object is complete, its row is not; carries the key
    └── LeaseLost                  another worker has the upload now
"""

from typing import Self


class OneprefixError(Exception):
    """Root of all errors raised here. `str()` is one line: what failed, for which job and run."""

    def __init__(
        self, message: str, *, job_id: int | None = None, run_id: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.job_id = job_id
        self.run_id = run_id
        #: Whether the upload's row tells of it. If not, the message is all there is.
        self.recorded = False

    def __str__(self) -> str:
        named = [("job", self.job_id), ("run", self.run_id)]
        where = ", ".join(f"{word} {value}" for word, value in named if value is not None)
        line = " ".join(self.message.split())
        return f"{where}: {line}" if where else line

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def concerning(self, *, job_id: int, run_id: int | None = None) -> Self:
        """Itself, naming the job and run where it did not yet."""
        self.job_id = job_id if self.job_id is None else self.job_id
        self.run_id = run_id if self.run_id is None else self.run_id
        return self


class PermanentError(OneprefixError):
    """Trying again can't help; somebody has to change something."""


class InvalidSettings(PermanentError):
    """The environment lacks or garbles a setting."""


class InvalidRequest(PermanentError, ValueError):
    """The arguments are not a positive job id, a positive run id and an absolute path."""


class InvalidId(InvalidRequest):
    """An id is not a positive integer."""


class IllegalTransition(PermanentError, ValueError):
    """An upload can't go from its state to that one."""


class JobNotFound(PermanentError):
    """There is no such row in `jobs`."""


class RunNotFound(PermanentError):
    """There is no such row in `runs`."""


class RunNotInJob(PermanentError):
    """The run belongs to another job."""


class PathRefused(PermanentError):
    """The path lies outside the results roots, or leads through a link."""


class InvalidResultsDirectory(PermanentError):
    """The path is not a run's directory and holds none, or can't be packed as one."""


class PrefixMismatch(PermanentError):
    """The prefix belongs to another job than the run."""


class InvalidObjectUrl(PermanentError, ValueError):
    """The text is no URL of an object in S3."""


class ArchiveDamaged(PermanentError):
    """An archive's bytes contradict themselves."""


class VerificationFailed(PermanentError):
    """Some of a job's results are not there as they were recorded."""


class ExpiryRefused(PermanentError):
    """S3 or the credentials don't let a URL live so long."""


class ArtifactNotFound(PermanentError):
    """Nothing lies under the key."""


class ArtifactArchived(PermanentError):
    """The object lies in an archive of S3's and has to be restored before it can be read."""


class InvalidArchive(PermanentError):
    """The archive is no ZIP, or damaged, or would do harm where it is unpacked."""


class MemberNotFound(PermanentError):
    """The archive holds no file of that name."""


class FileUnusable(PermanentError):
    """A file or directory on this machine can't be read or written."""


class PlaceTaken(PermanentError):
    """Another object stands where one was to be copied to."""


class UploadUnderWay(PermanentError):
    """An upload of the job holds a lease."""


class PartlyFailed(PermanentError):
    """A bulk operation failed for some of its objects."""


class StorageRefused(PermanentError):
    """S3 refused the request and will refuse it again."""


class DatabaseRefused(PermanentError):
    """SQL refused the statement and will refuse it again."""


class AttemptsExhausted(PermanentError):
    """Every allowed attempt failed."""


class TransientError(OneprefixError):
    """Trying again later may help."""

    #: Seconds until the next attempt, once it is recorded.
    retry_in = 0.0


class ResultsRootMissing(TransientError):
    """A results root can't be opened on this worker."""


class ResultsDirectoryMissing(TransientError):
    """The directory is not there, or not there yet."""


class TreeChanged(TransientError):
    """A file or directory changed, vanished or could not be read while it was being packed."""


class HelperLost(TransientError):
    """A process that packs small files died."""


class Postponed(TransientError):
    """The attempt ended before its time. No failure, nor counted as one.

    `size` is how many bytes the run has, where that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        size: int | None = None,
        job_id: int | None = None,
        run_id: int | None = None,
    ) -> None:
        super().__init__(message, job_id=job_id, run_id=run_id)
        self.size = size


class MustWait(Postponed):
    """This worker packs as many large runs as it may at once."""

    retry_in = 5.0


class HandedBack(Postponed):
    """The worker stops; another one takes over where this one was."""


class Stalled(TransientError):
    """No byte was packed or sent for too long."""


class StorageUnavailable(TransientError):
    """S3 did not answer, or answered that it can't now."""


class LifecycleUnknown(StorageRefused):
    """The store has no lifecycle rules, whatever it answers."""


class ArtifactReplaced(TransientError):
    """While an object was being read, another one took its place."""


class DatabaseUnavailable(TransientError):
    """SQL did not answer, or answered that it can't now."""


class BrokerUnavailable(TransientError):
    """The broker did not answer, or the connection to it broke."""


class RecordNotWritten(TransientError):
    """The object is complete under `key`, but its row could not be written."""

    def __init__(
        self,
        message: str,
        *,
        key: str = "",
        job_id: int | None = None,
        run_id: int | None = None,
    ) -> None:
        super().__init__(message, job_id=job_id, run_id=run_id)
        self.key = key


class LeaseLost(TransientError):
    """The lease ran out or was taken over, so this attempt must not write any more."""
