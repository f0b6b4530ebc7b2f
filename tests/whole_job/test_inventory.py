"""`oneprefix inventory`, from the rows that real uploads and a migration leave."""

import csv
import io
from datetime import UTC, datetime, timedelta

from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation


@only_moto
def test_what_landed_today_is_shown_as_table_json_and_csv(installed: Installation) -> None:
    """SQL alone answers, whatever the store."""
    installed.land(4)
    installed.put_key("results/job_12/run_5.zip", b"old")
    assert installed.oneprefix("migrate", "12", "--apply").code == 0
    rows = installed.services.upload_list.uploads(12)
    size = sum(row.archive_size or 0 for row in rows)
    days = sorted({row.landed_at.date() for row in rows if row.landed_at})
    asked = len(installed.strict.proxy.requests)

    week = ("inventory", "--since", f"{days[0]:%Y-%m-%d}")
    told = installed.oneprefix(*week, "--by", "job", "--json")
    assert told.code == 0, told
    total = {"day": None, "job_id": None, "runs": 2, "artifacts": 2, "bytes": size}
    assert told.json == {"landed": [total | {"job_id": 12}], "total": total}
    per_day = installed.oneprefix(*week, "--by", "day", "--json").json["landed"]
    assert [each["day"] for each in per_day] == [day.isoformat() for day in days]
    assert sum(each["bytes"] for each in per_day) == size

    read = list(csv.DictReader(io.StringIO(installed.oneprefix(*week, "--csv").out)))
    assert {(line["day"], line["job_id"]) for line in read} == {
        (day.isoformat(), "12") for day in days
    }
    assert sum(int(line["bytes"]) for line in read) == size
    header, *_, last = installed.oneprefix(*week).out.splitlines()
    assert header.split() == ["day", "job_id", "runs", "artifacts", "bytes"]
    assert last.split()[:2] == ["2", "2"]
    assert len(installed.strict.proxy.requests) == asked


@only_moto
def test_other_days_are_not_counted(installed: Installation) -> None:
    """SQL alone answers, whatever the store."""
    installed.land(4)
    today = datetime.now(UTC).date()
    before = (f"{today - timedelta(days=9):%Y-%m-%d}", f"{today - timedelta(days=2):%Y-%m-%d}")
    answer = installed.oneprefix("inventory", "--since", before[0], "--until", before[1], "--json")
    assert answer.json["landed"] == []
    assert answer.json["total"]["runs"] == 0
    shown = installed.oneprefix("inventory", "--since", before[0], "--until", before[1])
    assert (shown.code, shown.out.splitlines()[-1].split()) == (0, ["0", "0", "0", "B"])
