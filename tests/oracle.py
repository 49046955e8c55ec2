"""The algebra read naively: one question, one person, one cutoff at a time, in plain Python.

Written from the docstring of `features/algebra.py` and from nothing else; it shares the dataclasses and the constants of
the event with the product, and no code. Events are dictionaries with the columns of the `events` table.
"""

import math
import statistics
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from features import algebra as ask
from features.events import DAY, SESSION_GAP
from features.traits import is_forward, parts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNIT = {"value": 10_000, "quantity": 10_000, "discount": 10_000, "rating": 10_000, "dwell": 1000}
UNKNOWN = "later"
"""A kind that shops of the tests add after their questions were compiled."""
Answer = float | str | None


def answer(feature: ask.Feature, events: list[dict], cutoff: int, *, retention: int, timezone: str) -> Answer:
    """The answer to a feature for one person's events, given in any order and with repeated keys."""
    return answers({"": feature}, events, [cutoff], retention=retention, timezone=timezone)[cutoff][""]


def answers(
    features: dict[str, ask.Feature], events: list[dict], cutoffs: list[int], *, retention: int, timezone: str
) -> dict[int, dict[str, Answer]]:
    """The answers at every cutoff; a question that stands in several features is answered once."""
    history, zone = ordered(events), ZoneInfo(timezone)
    found = {}
    for cutoff in cutoffs:
        known: dict[ask.Feature, Answer] = {}
        views: dict[tuple[bool, bool], list[dict]] = {}

        def one(q: ask.Elementary, cutoff: int = cutoff, known: dict = known, views: dict = views) -> Answer:
            if q not in known:
                forward = is_forward(q)
                ever = getattr(q, "lifetime", False) or getattr(q, "window", None) == ask.LIFETIME
                if (forward, ever) not in views:
                    views[forward, ever] = seen(history, cutoff, math.inf if ever else retention, forward)
                known[q] = elementary(q, views[forward, ever], cutoff, zone)
            return known[q]

        found[cutoff] = {name: finished(feature, one) for name, feature in features.items()}
    return found


def finished(feature: ask.Feature, one: Callable[[ask.Elementary], Answer]) -> Answer:
    """The answer to a feature from those to its parts."""
    if isinstance(feature, ask.Ratio):
        a, b = finished(feature.numerator, one), finished(feature.denominator, one)
        return a / b if b != 0 else math.nan
    if isinstance(feature, ask.Trend):
        a, b = one(feature.short), one(feature.long)
        days = [(part.window.stop - part.window.start) / DAY for part in (feature.short, feature.long)]
        return (a / days[0]) / (b / days[1]) if b != 0 else math.nan
    return one(feature)


def same(feature: ask.Feature, got: Answer, right: Answer) -> bool:
    """Is it the right answer: every bit of a number, but for entropy and deviation, which take logarithms and roots?"""
    if isinstance(got, str) or got is None or right is None:
        return got == right
    if math.isnan(got) or math.isnan(right):
        return math.isnan(got) and math.isnan(right)
    close = any(
        isinstance(part, ask.Entropy) or (isinstance(part, ask.Gaps) and part.statistic == "deviation")
        for part in parts(feature)
    )
    return math.isclose(got, right, rel_tol=1e-9, abs_tol=1e-9) if close else got == right


def ordered(events: list[dict]) -> list[dict]:
    """The history in order, equal keys once."""
    first: dict[tuple[int, int], dict] = {}
    for event in events:
        arrived_at = max(event["ts"], event["ts"] if event["arrived_at"] is None else event["arrived_at"])
        key = (event["key_hi"], event["key_lo"])
        if key not in first or arrived_at < first[key]["arrived_at"]:
            first[key] = event | {"arrived_at": arrived_at}
    return sorted(first.values(), key=lambda event: (event["ts"], event["key_hi"], event["key_lo"]))


def seen(history: list[dict], cutoff: int, retention: float, forward: bool) -> list[dict]:
    """What may be seen of a history."""
    if forward:
        return [e for e in history if cutoff <= e["ts"] < cutoff + retention]
    return [e for e in history if cutoff - retention <= e["ts"] < cutoff and e["arrived_at"] < cutoff]


@cache
def local(ts: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(microseconds=ts)).astimezone(zone)


def value_of(event: dict, field: str, zone: ZoneInfo) -> object:
    """A coded or calendar field, or the kind."""
    if field == "kind":
        return event["kind"] if event["kind"] != UNKNOWN else None
    if field == "day":
        return local(event["ts"], zone).date()
    if field == "hour":
        return local(event["ts"], zone).hour
    if field == "weekday":
        return local(event["ts"], zone).weekday()
    return event[field]


def elementary(q: ask.Elementary, history: list[dict], cutoff: int, zone: ZoneInfo) -> Answer:
    def of(kinds: tuple[str, ...]) -> list[dict]:
        return [e for e in history if not kinds or e["kind"] in kinds]

    def inside(ts: int) -> bool:
        if q.window == ask.SESSION:
            return opened <= ts
        return q.window == ask.LIFETIME or cutoff + q.window.start <= ts < cutoff + q.window.stop

    opened = session_so_far(history, cutoff) if getattr(q, "window", None) == ask.SESSION else 0

    if isinstance(q, ask.Age):
        times = [e["ts"] for e in of(q.kinds)]
        return (cutoff - max(times)) / DAY if times else math.nan
    if isinstance(q, ask.Tenure):
        times = [e["ts"] for e in of(q.kinds)]
        return (cutoff - min(times)) / DAY if times else math.nan
    if isinstance(q, ask.Sessions):
        return sessions(q, of(q.kinds), inside)
    if isinstance(q, ask.Abandoned):
        return abandoned(history, inside)
    if isinstance(q, ask.Transition):
        return float(
            sum(
                a["kind"] == q.before and b["kind"] == q.after and b["ts"] - a["ts"] < SESSION_GAP and inside(b["ts"])
                for a, b in pairwise(history)
            )
        )
    if isinstance(q, ask.Streak):
        ends = [place for place, e in enumerate(history) if e["kind"] in q.since]
        return float(sum(not q.kinds or e["kind"] in q.kinds for e in history[max(ends, default=-1) + 1 :]))
    events = [e for e in of(q.kinds) if inside(e["ts"])]
    if isinstance(q, ask.Moves):
        return moves(q, [e for e in events if value_of(e, q.field, zone) is not None])
    if isinstance(q, ask.Length):
        return (max(e["ts"] for e in events) - min(e["ts"] for e in events)) / 1_000_000 if events else math.nan
    if isinstance(q, ask.Count):
        return float(len(events))
    if isinstance(q, ask.Until):
        return (min(e["ts"] for e in events) - cutoff) / DAY if events else math.nan
    if isinstance(q, ask.Gaps):
        return gaps(q, events, zone)
    if isinstance(q, ask.Share):
        hits = [q.start <= value_of(e, q.field, zone) < q.stop for e in events]
        return sum(hits) / len(hits) if hits else math.nan
    values = [v for e in events if (v := value_of(e, q.field, zone)) is not None]
    if isinstance(q, ask.Sum):
        return sum(values) / UNIT[q.field]
    if isinstance(q, ask.Distinct):
        return float(len(set(values)))
    if isinstance(q, ask.Repeat):
        return float(max(Counter(values).values(), default=0))
    if not values:
        return None if isinstance(q, ask.CATEGORICAL) else math.nan
    if isinstance(q, ask.Mean):
        return sum(values) / (len(values) * UNIT[q.field])
    if isinstance(q, ask.Max):
        return max(values) / UNIT[q.field]
    if isinstance(q, ask.Min):
        return min(values) / UNIT[q.field]
    if isinstance(q, ask.TopShare):
        return max(Counter(values).values()) / len(values)
    if isinstance(q, ask.Entropy):
        return -math.fsum(n / len(values) * math.log(n / len(values)) for n in Counter(values).values())
    if isinstance(q, ask.First):
        return values[0]
    if isinstance(q, ask.Last):
        return values[-q.n] if len(values) >= q.n else None
    assert isinstance(q, ask.Favorite)
    latest = {value: place for place, value in enumerate(values)}
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], latest[value]))


def session_so_far(history: list[dict], cutoff: int) -> int:
    """The first instant of the session that is open at the cutoff; the cutoff where none is."""
    opened = cutoff
    for event in reversed(history):
        if opened - event["ts"] >= SESSION_GAP:
            break
        opened = event["ts"]
    return opened


def moves(q: ask.Moves, events: list[dict]) -> float:
    n = 0
    for a, b in pairwise(events):
        before, after = a[q.field], b[q.field]
        wanted = (not q.before or before in q.before) and (not q.after or after in q.after)
        n += before != after and b["ts"] - a["ts"] < q.gap and wanted
    return float(n)


def sessions(q: ask.Sessions, events: list[dict], inside) -> float:
    runs: list[list[int]] = []
    for event in events:
        if not runs or event["ts"] - runs[-1][-1] >= q.gap:
            runs.append([])
        runs[-1].append(event["ts"])
    runs = [run for run in runs if inside(run[0])]
    if q.statistic == "count":
        return float(len(runs))
    if not runs:
        return math.nan
    if q.statistic == "mean_events":
        return sum(len(run) for run in runs) / len(runs)
    if q.statistic == "max_events":
        return float(max(len(run) for run in runs))
    return sum(run[-1] - run[0] for run in runs) / (len(runs) * 1_000_000)


def abandoned(history: list[dict], inside) -> float:
    items = {e["item"] for e in history if e["kind"] == "cart" and e["item"] is not None and inside(e["ts"])}
    left = 0
    for item in items:
        carted = max(e["ts"] for e in history if e["kind"] == "cart" and e["item"] == item and inside(e["ts"]))
        left += not any(e["kind"] == "purchase" and e["item"] == item and e["ts"] >= carted for e in history)
    return float(left)


def gaps(q: ask.Gaps, events: list[dict], zone: ZoneInfo) -> float:
    if q.distinct_days:
        first: dict[object, dict] = {}
        for event in events:
            first.setdefault(value_of(event, "day", zone), event)
        events = sorted(first.values(), key=lambda e: e["ts"])
    times = [e["ts"] for e in events]
    between = [b - a for a, b in pairwise(times)]
    if q.statistic == "deviation":
        return statistics.pstdev(between) / DAY if len(between) >= 2 else math.nan
    if not between:
        return math.nan
    if q.statistic == "mean":
        return sum(between) / (len(between) * DAY)
    if q.statistic == "max":
        return max(between) / DAY
    between.sort()
    n = len(between)
    return (between[(n - 1) // 2] + between[n // 2]) / (2 * DAY)
