"""Small real workspaces: invented events in a real log."""

import random
import shutil

import pyarrow as pa
import pytest

from features.arrivals import keyed
from features.events import DAY, HOUR, NULL
from features.log import EventLog
from features.schema import EVENTS
from features.workspace import Facts, Workspace

from .shop import make_shop

START = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z
KINDS = ("view", "view", "view", "search", "cart", "purchase")


def invent(n, *, seed=0, users=20, days=200, start=START, prefix="e"):
    """`n` events of `users` users over `days` days, as rows ready for the log."""
    rng = random.Random(seed)
    rows = []
    for place in range(n):
        kind = rng.choice(KINDS)
        rows.append(
            {
                "user_id": f"u{rng.randrange(users)}",
                "ts": start + rng.randrange(days * DAY // HOUR) * HOUR,
                "kind": kind,
                "item": f"i{rng.randrange(30)}",
                "category": f"c{rng.randrange(5)}" if rng.random() < 0.8 else None,
                "value": rng.randrange(1, 10**6) if kind == "purchase" else None,
                "event_id": f"{prefix}{place}",
                "source": "",
            }
        )
    return pa.Table.from_pylist(rows, schema=EVENTS).drop_columns(["bucket", "key_hi", "key_lo"])


def with_keys(events):
    """The same with their keys, as the journal takes them."""
    return keyed(events, Facts().kinds, None)


def flatten(histories):
    """Histories as {user: [(ts, arrived, kind, keys, values…)]}: what must be equal for two to be the same."""
    found = {}
    arrived = histories.ts if histories.arrived is None else histories.arrived
    for u, user in enumerate(histories.users.to_pylist()):
        rows = []
        for e in range(histories.offsets[u], histories.offsets[u + 1]):
            texts = []
            for name in sorted(histories.coded):
                field = histories.coded[name]
                code = field.codes[e]
                texts.append(None if code < 0 else field.values[int(field.offsets[u] + code)].as_py())
            numbers = [
                None if histories.numbers[n][e] == NULL else int(histories.numbers[n][e])
                for n in sorted(histories.numbers)
            ]
            keys = (int(histories.key_hi[e]), int(histories.key_lo[e]))
            rows.append((int(histories.ts[e]), int(arrived[e]), int(histories.kind[e]), keys, *numbers, *texts))
        found[user] = rows
    return found


@pytest.fixture
def workspace(tmp_path):
    """A workspace with 2,000 events in its log."""
    found = Workspace.at(tmp_path / "home", {})
    found.fix(Facts(timezone="Asia/Shanghai", currency="CNY", buckets=4))
    with found.writing("the test"):
        EventLog(found).append([invent(2000)], arrived_at=None)
    return found


def users_of(n=20):
    return [f"u{u}" for u in range(n)]


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A workspace with 200 users, whose champion is version 1; tests read it."""
    return make_shop(tmp_path_factory.mktemp("small") / "home")


@pytest.fixture
def shop_copy(shop, tmp_path):
    """The same, to be written to."""
    shutil.copytree(shop.home, tmp_path / "home")
    return Workspace.at(tmp_path / "home", {})
