"""What a shop's own gaps propose, against a shop whose gaps are known and the survival curve by hand."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events import DAY
from features.intake import ingest
from features.log import EventLog
from features.workspace import Workspace
from models.spec import HERE, load
from training import proposal
from training.proposal import propose, told

from .conftest import NOW

START = 1_700_006_400_000_000
"""A midnight."""


def shop(tmp_path, buyers):
    """A workspace whose buyers bought on these days."""
    rows = [(f"u{n}", START + int(day) * DAY, "purchase") for n, days in enumerate(buyers) for day in days]
    users, ts, kinds = zip(*rows, strict=True)
    events = pa.table({"user_id": users, "ts": pa.array(ts, pa.timestamp("us", tz="UTC")), "kind": kinds})
    (tmp_path / "shop").mkdir()
    pq.write_table(events, tmp_path / "shop" / "events.parquet")
    workspace = Workspace(tmp_path / "home", {})
    ingest(workspace, [tmp_path / "shop" / "events.parquet"], "canonical", timezone="UTC", now=NOW)
    return workspace


def found(workspace, end):
    return propose(EventLog(workspace), workspace.facts.kinds, START + end * DAY)


def test_a_shop_of_weekly_buyers_of_whom_some_stop(tmp_path):
    stay = [range(n % 7, 300, 7) for n in range(60)]
    gone = [range(n % 7, 275, 7) for n in range(20)]
    answer = found(shop(tmp_path, [*stay, *gone]), 300)
    assert answer["gap_days"] == {"0.5": 7.0, "0.8": 7.0, "0.9": 7.0, "0.95": 7.0}
    assert (answer["horizon"], answer["lookback"]) == (7, 30)
    rates = {rate["days"]: (rate["churned"], rate["eligible"]) for rate in answer["base_rates"]}
    assert rates[7] == (20 / 80, 80)
    assert rates[60] == (0.0, 80)


def test_nothing_after_the_end_is_looked_at(tmp_path):
    buyers = [range(n % 5, 200, 5) for n in range(40)]
    whole = found(shop(tmp_path, buyers), 120)
    (tmp_path / "cut").mkdir()
    cut = found(shop(tmp_path / "cut", [[day for day in days if day < 120] for days in buyers]), 120)
    assert whole == cut


def test_too_few_returns_propose_nothing(tmp_path):
    assert found(shop(tmp_path, [[0, 9]] * (proposal.LEAST - 1)), 50) is None
    assert told(None, []) == []


def test_a_spec_outside_the_range_is_told_what_would_ask_a_better_question(tmp_path):
    rng = np.random.default_rng(0)
    buyers = [np.cumsum(rng.integers(50, 70, 6)) for _ in range(200)]
    answer = found(shop(tmp_path, buyers), 330)
    spec = load(HERE / "more" / "churn_7d.toml")
    lines = told(answer, [spec])
    (rate,) = [rate["churned"] for rate in answer["base_rates"] if rate["days"] == answer["horizon"]]
    assert 0.05 <= rate <= 0.6
    assert f"Try intently train --horizon {answer['horizon']}d" in lines[-1]
    assert "too few" in lines[-1]


@given(
    st.lists(st.integers(1, 60), min_size=3, max_size=60),
    st.lists(st.integers(1, 60), min_size=0, max_size=60),
)
def test_quantiles_are_kaplan_and_meier_s_by_hand(gaps, cut):
    staying, survival = 1.0, {}
    for day in range(1, 61):
        risk = sum(gap >= day for gap in gaps) + sum(left >= day for left in cut)
        if risk:
            staying *= 1 - sum(gap == day for gap in gaps) / risk
        survival[day] = staying
    answer = proposal._quantiles(np.array(gaps, float), np.array(cut, float))
    for level, days in answer.items():
        share = level * (1 - staying)
        by_hand = next(day for day in range(1, 61) if 1 - survival[day] >= share - 1e-9)
        assert days == pytest.approx(by_hand, abs=1)
