"""Fold the rows that endings have added to the totals into one for each state."""

from collections import Counter

from sqlalchemy import delete, func, select

from worker.database.engine import SqlRepository, transaction
from worker.database.tables import totals

#: Rows from which on folding them is worth a transaction, and how many are folded in one.
WORTHWHILE, BATCH = 100, 5000


class SqlTotals(SqlRepository):
    def fold(self) -> int:
        """Replace rows by their sums, until few are left; returns how many were folded.

        A reader sees either, and the same totals. Processes that fold at once share the rows out.
        """
        folded = 0
        while self._is_worthwhile():
            folded += (some := self._fold_some())
            if some < BATCH:
                break
        return folded

    def _is_worthwhile(self) -> bool:
        some = select(totals.c.id).limit(WORTHWHILE).subquery()
        [(count,)] = self._rows(select(func.count()).select_from(some))
        return bool(count == WORTHWHILE)

    def _fold_some(self) -> int:
        oldest = select(totals.c.id).order_by(totals.c.id).limit(BATCH)
        taken = (
            delete(totals)
            .where(totals.c.id.in_(oldest.with_for_update(skip_locked=True)))
            .returning(totals)
        )
        with transaction(self.engine) as connection:
            rows = connection.execute(taken).all()
            sums: dict[tuple[str, str], Counter[str]] = {}
            for row in rows:
                # `update`, since `+` would drop what is not positive
                sums.setdefault((row.subject, row.state), Counter()).update(
                    ended=row.ended, present=row.present, bytes=row.bytes
                )
            if sums:
                connection.execute(
                    totals.insert(),
                    [
                        {"subject": subject, "state": state, **counts}
                        for (subject, state), counts in sums.items()
                    ],
                )
        return len(rows)
