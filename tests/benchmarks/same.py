"""The 45 features that we and the peers have, and whether the answers are the same."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

DAY: Final = 86_400_000_000
KINDS: Final = ("view", "click", "cart", "favorite", "purchase")
DAYS: Final = (1, 7, 30, 90)
SHARED: Final = {
    **{f"{kind}_count_{days}d": f"{kind}_count_{days}d" for kind in KINDS for days in DAYS},
    **{f"{kind}_age": f"{kind}_age" for kind in KINDS},
    **{f"{of}_{days}d": f"{of}_{days}d" for of in ("purchase_value", "active_days") for days in DAYS},
    **{
        f"{of}_{days}d": f"{of}_{days}d - coalesce(nulls.{one} >= cutoff - {days * DAY}, false)::int"
        for of, one in (("items", "item"), ("categories", "category"))
        for days in DAYS
    },
    "event_tenure": f"(cutoff - first_ts) / {DAY}.0",
    "event_age": f"(cutoff - last_ts) / {DAY}.0",
    "mean_value": "mean_value",
    "max_value": "max_value",
}
"""Our features, and the same from the peers' columns; their count of "no item" as an item is taken off again."""
LAST: Final = datetime(2025, 12, 29, tzinfo=UTC)


def weeks(n: int) -> list[str]:
    """So many weekly cutoffs, the last first."""
    return [f"{LAST - timedelta(weeks=week):%Y-%m-%dT%H:%M:%SZ}" for week in range(n)]


def difference(ours: Path, peer: Path, events: Path) -> float:
    """Largest relative difference of the features, of rows joined by user and cutoff; ends the run where it is above 1e-6."""
    con = duckdb.connect()
    con.execute(
        "create table nulls as select user_id, cutoff, max(ts) filter (item is null) item, max(ts) filter (category is null) "
        f"category from (select distinct cutoff from '{peer}') join "
        f"(select user_id, epoch_us(ts) ts, item, category from '{events}') on ts < cutoff group by all"
    )
    asked = ", ".join(f"{sql} as {name}" for name, sql in SHARED.items())
    worst = ", ".join(
        f"max(case when (o.{name} is null or isnan(o.{name})) and p.{name} is null then 0 "
        f"else coalesce(abs(o.{name} - p.{name}) / greatest(1, abs(p.{name})), 'inf'::double) end)"
        for name in SHARED
    )
    row = con.execute(
        f"select count(*), {worst} from (select *, epoch_us(cutoff) cut from '{ours}') o join (select user_id, cutoff, {asked} "
        f"from '{peer}' join nulls using (user_id, cutoff)) p on o.user_id = p.user_id and o.cut = p.cutoff"
    ).fetchall()[0]
    assert row[0] == con.execute(f"select count(*) from '{peer}'").fetchall()[0][0] > 0
    found = dict(zip(SHARED, row[1:], strict=True))
    unequal = {name: apart for name, apart in found.items() if not apart <= 1e-6}
    if unequal:
        sys.exit(f"The answers of {peer.stem} differ: {unequal}")
    return max(found.values())
