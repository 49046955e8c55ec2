"""A log of purchases alone, as many shops have it: customer, date, amount in a text file; all that can be said is said."""

import numpy as np
import pandas as pd
import pytest

from .conftest import intently

MAPPING = """
table = "events"
timezone = "America/New_York"
time = "%Y%m%d"
delimiter = " "
header = ["customer", "date", "cds", "amount"]
[columns]
user_id = "customer"
ts = "date"
quantity = "cds"
value = "amount"
kind = { constant = "purchase" }
"""
DAYS = 545


@pytest.fixture(scope="module")
def till(tmp_path_factory):
    """2,500 customers over 545 days, each with a pace of their own, most of them leaving: (home, purchases, scores)."""
    folder = tmp_path_factory.mktemp("till")
    rng = np.random.default_rng(5)
    first = rng.integers(0, 200, 2500)
    pace, life = rng.gamma(1.2, 1 / 40, 2500), rng.exponential(300, 2500)
    rows = []
    for customer in range(2500):
        day = float(first[customer])
        while day < DAYS and day <= first[customer] + life[customer]:
            rows.append((customer + 1, int(day), int(rng.integers(1, 5)), round(float(rng.gamma(3, 12)), 2)))
            day += 1 + rng.exponential(1 / pace[customer])
    bought = pd.DataFrame(rows, columns=["customer", "day", "cds", "amount"])
    bought["date"] = pd.Timestamp("1997-01-01") + pd.to_timedelta(bought["day"], unit="D")
    lines = [f" {r.customer:05d}  {r.date:%Y%m%d}  {r.cds}  {r.amount:6.2f}\n" for r in bought.itertuples()]
    lines.append(lines[0])  # two equal purchases stay two
    (folder / "master.txt").write_text("".join(lines))
    (folder / "mapping.toml").write_text(MAPPING)
    home = folder / "home"
    counts = []
    for _ in range(2):
        _, answer, _ = intently("ingest", folder / "master.txt", "--format", folder / "mapping.toml", home=home)
        counts.append((answer["read"], answer["accepted"], answer["duplicate"], sum(answer["quarantined"].values())))
    assert counts == [(len(lines), len(lines), 0, 0), (len(lines), 0, len(lines), 0)]
    _, train, _ = intently("train", home=home)
    assert set(train["targets"]) == {"stage_7d", "churn_30d", "next_purchase"}
    intently("promote", train["version"], home=home)
    as_of = (bought["date"].max() + pd.Timedelta(days=1)).strftime("%Y-%m-%d")
    _, answer, _ = intently("score", "--as-of", as_of, home=home)
    return train, bought, pd.read_parquet(answer["scores"]).set_index("user_id"), pd.Timestamp(as_of)


def test_everybody_bought_from_gets_a_stage_and_those_in_its_cohort_a_churn_risk(till):
    train, bought, scores, as_of = till
    assert all("error" not in target for target in train["targets"].values())
    last = bought.groupby("customer")["date"].max()
    last.index = [f"{customer:05d}" for customer in last.index]
    within = last[last >= as_of - pd.Timedelta(days=400)]
    stages = [f"p_stage_7d_{stage}" for stage in ("idle", "browsing", "considering", "buying")]
    assert scores.loc[within.index, stages].notna().all(axis=1).mean() >= 0.97
    cohort = last >= as_of - pd.Timedelta(days=180)
    assert (
        scores.loc[last.index, "p_churn_30d"].notna() == cohort
    ).mean() > 0.999  # a day's edge lies in two timezones
    assert np.allclose(scores.loc[within.index, stages].sum(axis=1), 1)


def test_levels_that_a_till_cannot_show_are_left_out_and_said(till):
    train, _, scores, _ = till
    assert (scores[["p_stage_7d_browsing", "p_stage_7d_considering"]].dropna() == 0).all().all()
    notes = " ".join(train["targets"]["stage_7d"]["notes"])
    assert "browsing" in notes
    assert "considering" in notes
