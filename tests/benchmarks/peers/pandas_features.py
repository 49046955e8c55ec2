"""The peer's 45 features as they are commonly written in pandas, at each of the cutoffs, written to one Parquet file.

    python pandas_features.py EVENTS.parquet OUT.parquet 2025-06-25T00:00:00Z [CUTOFF ...]

Columns and meaning are those of `duckdb_features.py`: a filter and a `groupby` a window.
"""

# ruff: noqa: PD010 - this is how it is commonly written

import sys

import pandas as pd

KINDS = ("view", "click", "cart", "favorite", "purchase")
DAYS = (1, 7, 30, 90)
DAY = 86_400_000_000


def select(events: pd.DataFrame, cutoff: str) -> pd.DataFrame:
    """The features at a cutoff."""
    cut = pd.Timestamp(cutoff).value // 1000
    seen = events[events["ts"] < cut]
    users = seen.groupby("user_id")
    out = users.agg(
        first_ts=("ts", "min"), last_ts=("ts", "max"), mean_value=("value", "mean"), max_value=("value", "max")
    )
    last = seen.groupby(["user_id", "kind"])["ts"].max().unstack()
    for kind in KINDS:
        out[f"{kind}_age"] = (cut - last[kind]) / DAY
    for days in DAYS:
        window = seen[seen["ts"] >= cut - days * DAY]
        counts = window.groupby(["user_id", "kind"]).size().unstack(fill_value=0).reindex(out.index, fill_value=0)
        for kind in KINDS:
            out[f"{kind}_count_{days}d"] = counts.get(kind, 0)
        bought = window[window["kind"] == "purchase"].groupby("user_id")["value"].sum()
        out[f"purchase_value_{days}d"] = bought.reindex(out.index, fill_value=0.0)
        for name, column in (("items", "item"), ("categories", "category"), ("active_days", "day")):
            distinct = window.groupby("user_id")[column].nunique(dropna=False)
            out[f"{name}_{days}d"] = distinct.reindex(out.index, fill_value=0)
    return out.reset_index().assign(cutoff=cut)


if __name__ == "__main__":
    source, out, *cutoffs = sys.argv[1:]
    log = pd.read_parquet(source, columns=["user_id", "ts", "kind", "item", "category", "value"])
    log["ts"] = log["ts"].astype("int64")
    log["day"] = log["ts"] // DAY
    pd.concat([select(log, cutoff) for cutoff in cutoffs]).to_parquet(out)
