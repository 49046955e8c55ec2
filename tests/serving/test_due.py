"""Due lists: everybody whose last purchase was n shop days ago, once, with the champion's own probabilities."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.errors import NotReadyError
from features.events import DAY
from features.log import EventLog
from models.bundle import champion
from serving.due import due, timed
from serving.lookup import lookup

from .shop import END

AS_OF = END - 100 * DAY + DAY // 3


def test_the_lists_are_those_that_the_log_shows(shop, tmp_path):
    days = tuple(range(31))
    answer = due(shop, AS_OF, days, tmp_path)
    found = pd.read_parquet(answer["lists"])
    events = EventLog(shop).flat(columns=["user_id", "ts", "kind"]).to_pandas()
    ts = pd.to_datetime(events["ts"], unit="us", utc=True)
    now = pd.Timestamp(AS_OF, unit="us", tz="UTC")
    last = ts[(events["kind"] == "purchase") & (ts < now)].groupby(events["user_id"]).max()
    since = (now.tz_convert("Asia/Shanghai").normalize() - last.dt.tz_convert("Asia/Shanghai").dt.normalize()).dt.days
    expected = since[since.isin(days)]
    assert dict(zip(found["user_id"], found["days_since"], strict=True)) == {str(u): d for u, d in expected.items()}
    assert answer["due"] == {f"T+{n}": int((expected == n).sum()) for n in days}
    assert sum(answer["due"].values()) > 4
    for _, part in found.groupby("days_since"):
        assert part["p_buy_1d"].is_monotonic_decreasing
    user = found["user_id"].iloc[0]
    [told] = lookup(shop, [user], AS_OF, ["buying_soon"])["users"]
    readouts = told["tags"][0]["readouts"]
    for name in found.columns[2:]:
        value = found[name].iloc[0]
        assert (readouts[name] is None and np.isnan(value)) or readouts[name] == value


def test_a_champion_that_does_not_say_when_is_refused(shop):
    bundle = champion(shop)
    without = replace(bundle, models={"churn_30d": bundle.models["churn_30d"]})
    with pytest.raises(NotReadyError, match="no target of kind hazard"):
        timed(without)


def test_nobody_is_due_before_the_first_purchase(shop, tmp_path):
    answer = due(shop, END - 1000 * DAY, (1,), tmp_path)
    assert answer["due"] == {"T+1": 0}
    assert len(pd.read_parquet(answer["lists"])) == 0
