"""Draws a shop whose truth is known: `intently simulate`.

Users are drawn in blocks, each from random streams of their own, so memory is bounded and the shop does not depend on
the blocks. The parameters are `shop.SHOP`; the truth is what `filter.py` foretells at each Monday's midnight UTC.
"""

import shutil
import tempfile
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError
from features.events import DAY
from features.progress import progress

from .filter import CHURN_DAYS, OUTCOMES, forecasts, outlook
from .shop import SHOP
from .sim_calendar import Calendar, calendar, mondays
from .sim_chain import Chain, draw_chain
from .sim_goods import items_table
from .sim_rows import TS, USER
from .sim_visits import draw_events
from .sim_words import papers
from .sim_write import Sheet, events_table, instants, user_ids, users_table

BLOCK: Final = 4000
"""Users drawn at a time."""
MAX_USERS: Final = 9_999_999
MAX_DAYS: Final = 3660


def simulate(
    n_users: int, n_days: int, seed: int, out: Path, *, start: str = "2025-01-01", truth: bool = True
) -> dict[str, Any]:
    """Write a simulated shop's `events`, `users`, `items`, `assignments` and `truth.parquet` into the folder `out`.

    Files of these names that are there are replaced, all once the new ones are complete; others are left alone.

    Args:
        n_users: Users, at least 1; those who join after the opening among them.
        n_days: Days, at least 1.
        seed: Not negative; the same arguments give the same bytes.
        out: Folder, made where absent.
        start: The first day, ISO; midnight UTC is the shop's.
        truth: Write `truth.parquet` too; without it an old one is removed.

    Returns:
        `users`, `events`, `items`, `truth_rows` (numbers), `days`, `seed`, `out` (path).

    Raises:
        InputError: An argument outside its range.
    """
    first = _check(n_users, n_days, seed, out, start)
    cal = calendar(SHOP, first, n_days + CHURN_DAYS)
    cutoffs = mondays(first, n_days)
    ahead = outlook(SHOP, cal, cutoffs)
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        with ExitStack() as stack:
            names = ("users", "assignments", *(["truth"] if truth else []))
            sheets = {name: stack.enter_context(Sheet(made / f"{name}.parquet")) for name in names}
            sheets["events"] = stack.enter_context(Sheet(made / "events.parquet", prefixed=("event_id",)))
            advance = stack.enter_context(progress("simulating users", n_users))
            for begin in range(0, n_users, BLOCK):
                users = np.arange(begin, min(begin + BLOCK, n_users))
                _block(cal, n_days, cutoffs, ahead, users, seed, sheets)
                advance(len(users))
        items = items_table()
        pq.write_table(items, made / "items.parquet", store_schema=False)
        _publish(made, out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return {
        "users": n_users,
        "events": sheets["events"].rows,
        "items": len(items),
        "truth_rows": sheets["truth"].rows if truth else 0,
        "days": n_days,
        "seed": seed,
        "out": str(out),
    }


def warm() -> None:
    """Compile what must be compiled, by drawing a shop of one user."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(1, 8, 0, Path(folder) / "shop")


def _block(
    cal: Calendar,
    days: int,
    cutoffs: np.ndarray,
    ahead: np.ndarray,
    users: np.ndarray,
    seed: int,
    sheets: dict[str, Sheet],
) -> None:
    """Draw some users and add them to the sheets."""
    chain = draw_chain(SHOP, cal, days, users, seed)
    sheet = papers(seed, users)
    ids = user_ids(users)
    rows = draw_events(SHOP.habits, cal, days, chain, sheet, users, seed)
    sheets["events"].write(events_table(rows, ids, cal.campaigns))
    sheets["users"].write(users_table(sheet, ids, chain.joined, rows))
    sheets["assignments"].write(assignments_table(cal, chain, ids))
    if "truth" in sheets:
        seen = np.full(len(users), np.iinfo(np.int64).max)
        np.minimum.at(seen, rows[:, USER], rows[:, TS])
        sheets["truth"].write(truth_table(cal, cutoffs, ahead, chain, seen, ids))


def assignments_table(cal: Calendar, chain: Chain, ids: pa.Array) -> pa.Table:
    """`assignments.parquet`: a row per campaign and user who had joined before it: who got its message, who was held out."""
    had_joined = chain.joined[:, None] < cal.first[None, : chain.reached.shape[1]]
    user, campaign = np.nonzero(had_joined)
    arm = np.where(chain.reached[user, campaign], 0, 1)
    return pa.table(
        {
            "user_id": pa.DictionaryArray.from_arrays(pa.array(user, pa.int32()), ids),
            "campaign": pa.DictionaryArray.from_arrays(
                pa.array(campaign, pa.int32()), pa.array(cal.campaigns, pa.string())
            ),
            "arm": pa.DictionaryArray.from_arrays(pa.array(arm, pa.int32()), pa.array(["message", "holdout"])),
            "assigned_at": instants(cal.start + cal.first[campaign] * DAY),
        }
    )


def truth_table(
    cal: Calendar, cutoffs: np.ndarray, ahead: np.ndarray, chain: Chain, seen: np.ndarray, ids: pa.Array
) -> pa.Table:
    """`truth.parquet`: a row per user and cutoff before which something of the user was observed.

    `latent_*` are the outcomes' probabilities given the state on the cutoff's day, the others given the observed history.

    Args:
        cal: Long enough for the last cutoff's horizon.
        cutoffs: (k,) int64 days.
        ahead: (k, 2, S, 5) float64, as `filter.outlook` says.
        chain: n users'.
        seen: (n,) int64 the user's first event, microseconds UTC.
        ids: Of the users.
    """
    best = forecasts(SHOP, cal, cutoffs, ahead, chain)
    user, cutoff = np.nonzero(seen[:, None] < cal.start + cutoffs[None] * DAY)
    day = cutoffs[cutoff]
    campaign = cal.running[day - 1]
    arm = np.zeros(len(user), np.int64)
    told = np.flatnonzero(campaign >= 0)
    arm[told] = chain.reached[user[told], campaign[told]]
    latent = ahead[cutoff, arm, chain.states[user, day]]
    columns: dict[str, pa.Array] = {
        "user_id": pa.DictionaryArray.from_arrays(pa.array(user, pa.int32()), ids),
        "cutoff": instants(cal.start + day * DAY),
    }
    columns |= {f"latent_{name}": pa.array(latent[:, o]) for o, name in enumerate(OUTCOMES)}
    columns |= {name: pa.array(best[user, cutoff, o]) for o, name in enumerate(OUTCOMES)}
    return pa.table(columns)


def _check(n_users: int, n_days: int, seed: int, out: Path, start: str) -> date:
    """The first day, once all arguments are in range."""
    if not 1 <= n_users <= MAX_USERS:
        raise InputError(f"--users is {n_users}: a shop has 1 to {MAX_USERS} users.")
    if not 1 <= n_days <= MAX_DAYS:
        raise InputError(f"--days is {n_days}: a shop lasts 1 to {MAX_DAYS} days.")
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed is {seed}: give a whole number from 0 to 2^63 - 1.")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out is {out}, a file. Name a folder, or one that is not there yet.")
    try:
        first = date.fromisoformat(start)
    except ValueError:
        raise InputError(f"The start {start!r} is not a day. Give one such as 2025-01-01.") from None
    if not 1971 <= first.year <= 2200:
        raise InputError(f"The start {start!r} is out of range: give a year from 1971 to 2200.")
    return first


def _publish(made: Path, out: Path) -> None:
    """Move the complete files into place: the whole folder where there is none yet, else file by file."""
    if not out.exists():
        made.chmod(0o755)
        made.rename(out)
        return
    if not (made / "truth.parquet").exists():
        (out / "truth.parquet").unlink(missing_ok=True)
    for path in sorted(made.iterdir()):
        path.replace(out / path.name)
