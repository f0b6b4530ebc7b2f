"""Every table as CSV and as JSON."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any

from starlette.responses import StreamingResponse

#: What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_table(
    rows: Iterable[dict[str, Any]], columns: Iterable[str], wanted: str, name: str
) -> StreamingResponse:
    """The rows in that format, as they come; `name`: of the file, without its ending."""
    coming = iter(rows)
    # what fails with the first row fails before the answer has begun
    rows = chain(list(islice(coming, 1)), coming)
    lines, kind = (
        (_csv(rows, columns), "text/csv; charset=utf-8")
        if wanted == "csv"
        else (_json(rows), "application/json")
    )
    saved = {"Content-Disposition": f'inline; filename="{name}.{wanted}"'}
    return StreamingResponse(lines, media_type=kind, headers=saved)


def _json(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield ",\n" * bool(number) + _document(row)
    yield "]\n"


def _csv(rows: Iterable[dict[str, Any]], columns: Iterable[str]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    for cells in chain([columns], (row.values() for row in rows)):
        writer.writerow(map(_cell, cells))
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet runs: https://owasp.org/www-community/attacks/CSV_Injection"""
    if isinstance(value, str):
        text = value.encode(errors="backslashreplace").decode()
        return "'" + text if text.startswith(_FORMULA) else text
    return value.isoformat() if isinstance(value, datetime) else value


def _document(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
