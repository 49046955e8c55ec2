"""Event logs of any size for benchmarks, drawn directly: visits of users with skewed activity, in the order of time.

    python tests/benchmarks/shop_log.py --events 20000000 --users 800000 --out events.parquet

A year up to the end of 2025. Every user comes at least once; beyond that, users come as often as a log-normal weight says. A
visit is a few events, half a minute to minutes apart; items are popular as Zipf says and half the time one of the user's own
few. `value` stands at purchases only; searches have no item.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import parquet

KINDS: Final = {"view": 0.68, "click": 0.12, "search": 0.06, "favorite": 0.04, "cart": 0.06, "purchase": 0.04}
DAY: Final = 86_400_000_000
DAYS: Final = 365
END: Final = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
ITEMS: Final = 50_000
CATEGORIES: Final = 400
CHUNK: Final = 1_000_000
VISIT: Final = 6  # events of a visit, on average
HOURS: Final = np.array([2, 1, 1, 1, 1, 2, 4, 6, 7, 8, 9, 9, 10, 9, 8, 8, 8, 9, 11, 13, 14, 12, 8, 4], float)
SCHEMA: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("ts", pa.timestamp("us", "UTC")),
        ("kind", pa.string()),
        ("item", pa.string()),
        ("category", pa.string()),
        ("value", pa.float64()),
    ]
)


def write_log(out: Path, n_events: int, n_users: int, seed: int = 1) -> int:
    """Write about so many events to a Parquet file; the number that it became."""
    rng = np.random.default_rng(seed)
    activity = np.cumsum(rng.lognormal(0.0, 1.5, n_users))
    newcomers = rng.permutation(n_users)
    users = pa.array([f"u{number:08d}" for number in rng.permutation(n_users)])
    n_chunks = max(1, round(n_events / CHUNK))
    bounds = np.linspace(0, n_users, n_chunks + 1).astype(np.int64)
    done = 0
    with parquet.ParquetWriter(out, SCHEMA) as writer:
        for chunk in range(n_chunks):
            firsts = newcomers[bounds[chunk] : bounds[chunk + 1]]
            wanted = n_events * (chunk + 1) // n_chunks - done
            table = _chunk(rng, activity, firsts, wanted, chunk / n_chunks, (chunk + 1) / n_chunks, users, done)
            writer.write_table(table)
            done += len(table)
    return done


def _chunk(rng, activity, firsts, wanted, begin, end, users, done):
    n_visits = max(0, wanted - 2 * len(firsts)) // VISIT
    visitor = np.searchsorted(activity, rng.random(n_visits) * activity[-1], side="right")
    visitor = np.concatenate([firsts, np.minimum(visitor, len(activity) - 1)])
    sizes = np.concatenate([rng.geometric(1 / 2, len(firsts)), rng.geometric(1 / VISIT, n_visits)])
    person = np.repeat(visitor, sizes)
    n = len(person)
    ts = np.repeat(_instants(rng, len(sizes), begin, end), sizes) + _since_start(rng, sizes)
    order = np.argsort(ts, kind="stable")
    person, ts = person[order], np.minimum(ts[order], END - 1)
    kind = rng.choice(len(KINDS), n, p=list(KINDS.values()))
    popular = np.minimum((ITEMS ** rng.random(n)).astype(np.int64), ITEMS - 1)
    own = (person * 2_654_435_761 + rng.integers(0, 5, n) * 40_503) % ITEMS
    item = np.where(rng.random(n) < 0.5, own, popular)
    names = np.array(list(KINDS))
    nothing, bought = names[kind] == "search", names[kind] == "purchase"
    value = np.round(np.exp(rng.normal(3.0, 0.8, n)), 2)
    columns = [
        pa.array(np.char.add("e", np.arange(done, done + n).astype("U"))),
        users.take(pa.array(person)),
        pa.array(ts, pa.int64()).cast(SCHEMA.field("ts").type),
        pa.array(names).take(pa.array(kind)),
        pa.array([f"i{number}" for number in range(ITEMS)]).take(pa.array(item, mask=nothing)),
        pa.array([f"c{number}" for number in range(CATEGORIES)]).take(pa.array(item % CATEGORIES, mask=nothing)),
        pa.array(value, mask=~bought),
    ]
    return pa.table(columns, schema=SCHEMA)


def _instants(rng, n, begin, end):
    """Starts of visits, in a part of the year, by the hours at which people shop."""
    day = np.floor((begin + rng.random(n) * (end - begin)) * DAYS)
    cumulative = np.concatenate([[0.0], np.cumsum(HOURS) / HOURS.sum()])
    within = np.interp(rng.random(n), cumulative, np.arange(25) / 24)
    return END - DAYS * DAY + ((day + within) * DAY).astype(np.int64)


def _since_start(rng, sizes):
    """Microseconds of each event after its visit's start."""
    gaps = (rng.exponential(60e6, sizes.sum()) + 1e6).astype(np.int64)
    starts = np.cumsum(sizes) - sizes
    total = np.cumsum(gaps)
    return total - np.repeat(total[starts], sizes)


def main() -> None:
    """Write one log."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--users", type=int, default=800_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    print(f"{write_log(options.out, options.events, options.users, options.seed):,} events")


if __name__ == "__main__":
    main()
