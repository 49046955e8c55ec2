"""The peer's 45 features as a strong engineer's Polars expressions, at each of the cutoffs, written to one Parquet file.

    python polars_features.py EVENTS.parquet OUT.parquet 2025-06-25T00:00:00Z [CUTOFF ...]

Columns and meaning are those of `duckdb_features.py`. Lazy scans, so that only the columns needed are read; the distinct counts
group twice, by (user, value) with the last time first, as conditional `n_unique` takes several times as long. Two threads.
"""

import os
import sys
from datetime import datetime

os.environ.setdefault("POLARS_MAX_THREADS", "2")

import polars as pl

KINDS = ("view", "click", "cart", "favorite", "purchase")
DAYS = (1, 7, 30, 90)
DAY = 86_400_000_000


def select(events: str, cutoff: str) -> pl.LazyFrame:
    """The features at a cutoff."""
    cut = int(datetime.fromisoformat(cutoff).timestamp() * 1e6)
    ts, bought = pl.col("ts"), pl.col("kind") == "purchase"

    def scan(*columns: str) -> pl.LazyFrame:
        seen = pl.scan_parquet(events).select("user_id", pl.col("ts").dt.epoch("us"), *columns)
        return seen.filter(ts < cut)

    flat = [
        ((pl.col("kind") == kind) & (ts >= cut - days * DAY)).sum().cast(pl.Int64).alias(f"{kind}_count_{days}d")
        for kind in KINDS
        for days in DAYS
    ]
    flat += [((cut - ts.filter(pl.col("kind") == kind).max()) / DAY).alias(f"{kind}_age") for kind in KINDS]
    flat += [
        pl.when(bought & (ts >= cut - days * DAY)).then(pl.col("value")).sum().alias(f"purchase_value_{days}d")
        for days in DAYS
    ]
    flat += [
        ts.min().alias("first_ts"),
        ts.max().alias("last_ts"),
        pl.col("value").mean().alias("mean_value"),
        pl.col("value").max().alias("max_value"),
    ]
    table = scan("kind", "value").group_by("user_id").agg(flat)
    for name, of in (("items", "item"), ("categories", "category"), ("active_days", None)):
        rows = scan(of).rename({of: "x"}) if of else scan().with_columns((ts // DAY).alias("x"))
        last = rows.group_by("user_id", "x").agg(ts.max().alias("last"))
        counts = [(pl.col("last") >= cut - days * DAY).sum().cast(pl.Int64).alias(f"{name}_{days}d") for days in DAYS]
        table = table.join(last.group_by("user_id").agg(counts), on="user_id")
    return table.select(pl.lit(cut).alias("cutoff"), pl.all())


if __name__ == "__main__":
    source, out, *cutoffs = sys.argv[1:]
    frames = [select(source, cutoff).collect(engine="streaming") for cutoff in cutoffs]
    pl.concat(frames).write_parquet(out)
