"""What an answer says of its own trust: intervals by kind, the base rate's for the unknown, failing slices by name."""

import numpy as np
import pyarrow as pa
import pytest

from features.matrix import Matrix
from models.interval import Cells, Interval
from models.reliability import Reliability
from models.reliability import _bounded as bounded
from models.reliability import _failing as failing
from models.slices import HISTORY, Slice, members
from models.tag import Reading, Tag
from models.tagframe import Block

MATRIX = Matrix(
    person=np.arange(4),
    cutoff=np.zeros(4, np.int64),
    names=("event_tenure", "purchase_count_365d", "last_channel"),
    values=np.array([[3.0, 1, 0], [90, 1, 1], [np.nan, 7, np.nan], [90, 0, 0]]),
    texts={"last_channel": pa.array(["app", "web", None, "app"])},
)
SAID = Reliability(
    (*HISTORY, Slice("channel: app", "last_channel", value="app")),
    ("all", "channel: app", "new"),
    Interval(("new",), {"yes": {0: Cells((), (0.5,)), -1: Cells((), (1.0,))}}, {"yes": (0.1, 0.3)}),
)


def block():
    tag = Tag.__new__(Tag)
    object.__setattr__(tag, "reading", Reading.__new__(Reading))
    object.__setattr__(tag.reading, "read", "bands")
    object.__setattr__(tag.reading, "label", "yes")
    p = np.array([0.4, 0.5, 0.2])
    base = np.array([False, False, True])
    return Block(tag, np.array([0, 1, 3]), np.array([0, 1, 0]), ["low", "high"], "model:1/x", probability=p, base=base)


def test_members_of_overlapping_slices():
    names = [one.name for one in SAID.slices]
    found = [[names[k] for k in np.flatnonzero(row)] for row in members(SAID.slices, MATRIX)]
    assert found == [["new", "one_time", "channel: app"], ["one_time"], ["frequent"], ["no_purchase", "channel: app"]]


def test_intervals_by_kind_and_the_base_rates_for_the_unknown():
    made = bounded(block(), SAID.interval, np.array([1, 0, 0]))
    assert made.low[0] == pytest.approx(1 / (1 + np.exp(1.0) * 1.5))  # an unseen kind: the widest
    assert made.high[1] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert (made.low[2], made.high[2]) == (0.1, 0.3)
    assert bounded(block(), Interval(("new",), {}, {}), np.zeros(3, np.int64)).low is None  # no such read-out


def test_failing_slices_are_named_to_whoever_is_in_them_and_known():
    assert failing(block(), SAID, MATRIX).slices_failed == [["all", "channel: app", "new"], ["all"], []]


def test_there_and_back():
    assert Reliability.from_json(SAID.to_json()).to_json() == SAID.to_json()
