"""Batch, lookup and the running service give bit-equal probabilities at the same instant: 1,000 users, three real processes."""

import httpx
import numpy as np
import pandas as pd
import pytest

from .conftest import intently

AS_OF = "2025-07-01T00:00:00Z"
STAGES = ("idle", "browsing", "considering", "buying")
TIMES = (
    *(f"p_buy_{days}d" for days in (1, 3, 7, 14, 30, 60)),
    *(f"next_order_{w}_days" for w in ("median", "low", "high")),
)
"""The hazard's columns; this shop's log is too short for 90 days."""


@pytest.fixture(scope="module")
def batch(shop, tmp_path_factory):
    """The scores of everybody, and their tags."""
    _, answer, _ = intently("score", "--as-of", AS_OF, "--out", tmp_path_factory.mktemp("scores"), home=shop.home)
    return pd.read_parquet(answer["scores"]).set_index("user_id"), pd.read_parquet(answer["tags"])


@pytest.fixture(scope="module")
def users(batch):
    """1,000 users over the whole base."""
    scores, _ = batch
    return list(scores.index[:: max(1, len(scores) // 1000)][:1000])


def predicted(answer):
    """Columns like the batch's, from an answer of lookup or of the service."""
    rows = {}
    for user in answer["users"]:
        tags = {tag["name"]: tag for tag in user["tags"]}
        row = {f"p_stage_7d_{stage}": tags["stage"]["probabilities"][stage] for stage in STAGES}
        row["p_churn_30d"] = tags["churn_risk"]["probability"] if "churn_risk" in tags else np.nan
        for column in TIMES:
            value = tags["buying_soon"]["readouts"][column]
            row[column] = np.nan if value is None else value
        rows[user["user_id"]] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def bits(frame):
    """The 64 bits of every number; a NaN is a NaN."""
    values = frame.to_numpy(np.float64).copy()
    values[np.isnan(values)] = np.nan
    return values.view(np.int64)


def test_batch_lookup_and_service_are_bit_equal(shop, service, batch, users):
    scores, _ = batch
    columns = [f"p_stage_7d_{stage}" for stage in STAGES] + ["p_churn_30d", *TIMES]
    url, _ = service
    _, looked_up, _ = intently("lookup", *users, "--as-of", AS_OF, home=shop.home)
    served = (
        httpx.post(f"{url}/v1/tags", json={"user_ids": users, "as_of": AS_OF}, timeout=60).raise_for_status().json()
    )
    known = [user["user_id"] for user in looked_up["users"] if user["known"]]
    assert len(known) > 900
    expected = bits(scores.loc[known, columns])
    assert (bits(predicted(looked_up).loc[known, columns]) == expected).all()
    assert (bits(predicted(served).loc[known, columns]) == expected).all()
    assert served["version"] == looked_up["version"] == shop.train["version"]


def test_tags_of_batch_and_service_are_the_same_rows(service, batch, users):
    _, tags = batch
    url, _ = service
    answer = httpx.post(f"{url}/v1/tags", json={"user_ids": users[:200], "as_of": AS_OF}, timeout=60).json()
    online = {
        (user["user_id"], tag["name"], tag["value"], tag["source"], tag["computed_at"][:19], tag["expires_at"][:19])
        for user in answer["users"]
        for tag in user["tags"]
    }
    rows = tags[tags["user_id"].isin(users[:200])]
    offline = {
        (
            row["user_id"],
            row["name"],
            row["value"],
            row["source"],
            row["computed_at"].isoformat()[:19],
            row["expires_at"].isoformat()[:19],
        )
        for row in rows.to_dict("records")
    }
    assert online == offline


def test_horizons_are_in_order_for_everybody(batch):
    scores, _ = batch
    each = scores[list(TIMES[:6])].dropna()
    assert len(each) > 900
    assert (np.diff(each.to_numpy(), axis=1) >= 0).all()


def test_stage_probabilities_sum_to_one(batch):
    scores, _ = batch
    stages = scores[[f"p_stage_7d_{stage}" for stage in STAGES]].dropna()
    assert len(stages) > 900
    np.testing.assert_allclose(stages.sum(axis=1), 1, atol=1e-9)
