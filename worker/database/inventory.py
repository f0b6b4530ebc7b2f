"""Count landed results, from `uploads` alone."""

from datetime import datetime

from sqlalchemy import BigInteger, Date, cast, distinct, func, select

from worker.database.engine import SqlRepository
from worker.database.tables import uploads
from worker.models.inventory import By, Landed
from worker.models.upload import UploadState


class SqlInventory(SqlRepository):
    def landed(self, since: datetime, until: datetime, by: By | None = None) -> list[Landed]:
        """Count what landed from `since` on and before `until`, per day and job, or `by` one.

        Results that were deleted since are not counted.
        """
        groups = {
            By.DAY: func.date(uploads.c.landed_at, type_=Date).label("day"),
            By.JOB: uploads.c.job_id,
        }
        chosen = [column for name, column in groups.items() if by in (None, name)]
        query = (
            select(
                *chosen,
                func.count(distinct(uploads.c.run_id)).label("runs"),
                func.count().label("artifacts"),
                # the sum of a BIGINT is a NUMERIC in PostgreSQL
                cast(func.coalesce(func.sum(uploads.c.archive_size), 0), BigInteger).label("bytes"),
            )
            .where(
                uploads.c.state == UploadState.LANDED,
                uploads.c.results_url.is_not(None),  # deletion clears the location
                uploads.c.landed_at >= since,
                uploads.c.landed_at < until,
            )
            .group_by(*chosen)
            .order_by(*chosen)
        )
        ungrouped = {"day": None, "job_id": None}
        return [Landed(**ungrouped | row._asdict()) for row in self._rows(query)]
