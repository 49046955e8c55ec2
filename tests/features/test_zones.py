import random
import zoneinfo
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from features.events import SECOND
from features.instants import EPOCH, to_us
from features.zones import transitions

ZONES = (
    "UTC",
    "Asia/Shanghai",
    "America/New_York",
    "Africa/Casablanca",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Gaza",
)


@pytest.mark.parametrize("name", ZONES)
def test_offsets_agree_with_zoneinfo_at_any_instant_and_about_every_change(name):
    starts, offsets = transitions(name)
    chance = random.Random(7)
    instants = [chance.randrange(0, to_us(datetime(2099, 1, 1, tzinfo=UTC))) for _ in range(500)]
    instants += [int(start) + tick for start in starts[1:] for tick in (-1, 0, SECOND)]
    for instant in instants:
        found = int(offsets[np.searchsorted(starts, instant, side="right") - 1])
        east = (EPOCH + timedelta(microseconds=instant)).astimezone(zoneinfo.ZoneInfo(name)).utcoffset()
        assert found == east // timedelta(microseconds=1)


def test_utc_never_changes():
    assert len(transitions("UTC")[0]) == 1
    assert len(transitions("America/New_York")[0]) > 200
