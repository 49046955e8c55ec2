"""The questions one can put to a history: a closed set of frozen dataclasses, the whole semantics on one page.

A history is one person's events, sorted by (`ts`, `event_key` as two signed halves), equal keys kept once (the first arrival;
where that ties, the row that came first). A question is asked at a cutoff `t`, in int64 microseconds UTC.

- Backward questions (features) see an event only if `t - RETENTION <= ts < t` and `arrived_at < t`; an `arrived_at` that is
  null or below `ts` counts as `ts`. Forward ones (targets) see it if `t <= ts < t + RETENTION`, whenever it arrived. A clock
  that jumps moves the events that it stamped and no others: each is judged by its own two instants.
- A window is half-open: `[t + start, t + stop)`. No kinds means every kind, those that a shop adds later included.
- `LIFETIME` (Age and Tenure: `lifetime`) is the one window that RETENTION does not bound: all that the carry holds, then every
  event with `ts < t` and `arrived_at < t`. Count, Sum and Mean may ask for it, and First of channel or campaign of every kind.
- `SESSION` is the session so far: the session (every kind, default gap) of the latest event seen, if the silence between that
  event and `t` is below the gap; else it is empty. Questions of sessions, rates and times to come cannot ask for it.
- Of nothing, Count, Sum, Distinct, Repeat, Abandoned, Transition, Moves, Streak and Sessions' count are 0, Favorite, First and
  Last null, all others NaN. A Ratio is NaN where its denominator is 0 or NaN, or its numerator NaN.
- A null field adds nothing to Sum, Max, Min, Mean, Distinct, TopShare, Entropy, Repeat, Favorite, First, Last and Moves. The
  field `kind` is the event's kind itself; it is null for a kind that the shop added after the question was compiled.
- Numbers leave in the field's unit: money, quantity and rating in units (fixed point / 10,000), dwell in seconds; Age, Until,
  Tenure and Gaps in days (86,400 s, float64), Length in seconds. `day`, `hour` and `weekday` are the shop timezone's.
- Totals are exact int64. A quotient is one float64 division, by the unit or by (count x unit): Mean of value is
  `float(total) / float(n * 10_000)`. A median of an even number is `(a + b) / (2 * unit)`.
- A session is a run of events of `kinds` with no silence of `gap` or more between neighbours; it is cut from what is seen, and
  belongs, whole, to the window in which it starts.
- Transitions are between neighbours (any kinds) in one session of all kinds with the default gap; the later one's `ts`
  decides the window, the earlier one need only be seen.
- Gaps and Moves are between neighbours in the window; days are merged after the window has been cut.
- An item is Abandoned unless a purchase of it that is seen, in the window or after, is at or after its last cart event there.
- Where counts tie, Favorite is the value whose latest event is later (by ts, then key).
"""

from dataclasses import dataclass
from typing import Literal

from .events import SESSION_GAP
from .sources import Attribute, Function, Outside, Touches
from .terms import (
    ALL_BACK,
    LIFETIME,
    SESSION,
    CalendarField,
    CodedField,
    KindField,
    Kinds,
    NumberField,
    Values,
    Window,
    ahead,
    back,
)

__all__ = [
    "ALL_BACK",
    "LIFETIME",
    "SESSION",
    "Attribute",
    "Function",
    "Kinds",
    "Outside",
    "Touches",
    "Window",
    "ahead",
    "back",
]


@dataclass(frozen=True, slots=True)
class Count:
    """Number of events of `kinds` in the window."""

    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Sum:
    """Sum of a number field over events of `kinds` in the window."""

    field: NumberField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean of the field's non-null values."""

    field: NumberField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Max:
    """Largest value."""

    field: NumberField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Min:
    """Smallest value."""

    field: NumberField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Distinct:
    """Number of different non-null values."""

    field: CodedField | CalendarField | KindField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class TopShare:
    """Largest share that one value has of the events with a value."""

    field: CodedField | CalendarField | KindField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Entropy:
    """Shannon entropy, in nats, of the values' shares (Shannon 1948, section 6)."""

    field: CodedField | CalendarField | KindField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Repeat:
    """Most events on one value."""

    field: CodedField | KindField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Share:
    """Share of the events whose calendar field lies in `[start, stop)`, which does not wrap (hours 0-24, weekdays 0-7, Monday 0)."""

    field: Literal["hour", "weekday"]
    start: int
    stop: int
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Favorite:
    """The value with most events."""

    field: CodedField | KindField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class First:
    """The value of the earliest event that has one."""

    field: CodedField | KindField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Last:
    """The value of the latest event that has one, or of the `n`-th latest."""

    field: CodedField | KindField
    kinds: Kinds
    window: Window
    n: int = 1


@dataclass(frozen=True, slots=True)
class Age:
    """Days from the latest event of `kinds` seen to the cutoff; `lifetime`: of the latest ever."""

    kinds: Kinds
    lifetime: bool = False


@dataclass(frozen=True, slots=True)
class Tenure:
    """Days from the earliest event of `kinds` seen to the cutoff; `lifetime`: of the earliest ever."""

    kinds: Kinds
    lifetime: bool = False


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds from the earliest to the latest event of `kinds` in the window: 0 for one event."""

    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Until:
    """Days from the cutoff to the earliest event of `kinds` in a forward window."""

    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Gaps:
    """Statistic of the times, in days, between neighbouring events of `kinds` in the window: two events have one gap.

    `deviation` is the population's, and NaN below two gaps. `distinct_days` merges events of one shop day (the first counts).
    """

    kinds: Kinds
    statistic: Literal["mean", "deviation", "median", "max"]
    window: Window
    distinct_days: bool = False


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions that start in the window: number, mean or largest number of events, or mean length (last - first) in seconds."""

    statistic: Literal["count", "mean_events", "mean_seconds", "max_events"]
    kinds: Kinds
    window: Window
    gap: int = SESSION_GAP


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Number of items with a cart event in the window and no purchase of the item at or after their last cart event there."""

    window: Window


@dataclass(frozen=True, slots=True)
class Transition:
    """Number of times that an event of kind `after` directly follows one of kind `before` in a session."""

    before: str
    after: str
    window: Window


@dataclass(frozen=True, slots=True)
class Moves:
    """Number of changes of the field from one of `before` to one of `after` (empty: any) with a silence below `gap` between."""

    field: CodedField | KindField
    kinds: Kinds
    window: Window
    before: Values = ()
    after: Values = ()
    gap: int = SESSION_GAP


@dataclass(frozen=True, slots=True)
class Streak:
    """Number of events of `kinds` seen after the latest event of `since`; of all that are seen where there is none."""

    kinds: Kinds
    since: Kinds


@dataclass(frozen=True, slots=True)
class Ratio:
    """`numerator / denominator`."""

    numerator: "Feature"
    denominator: "Feature"


@dataclass(frozen=True, slots=True)
class Trend:
    """Rate in the short window over that in the long one, `(a_short / days) / (a_long / days)`; NaN where `a_long` is 0."""

    short: "Count | Sum"
    long: "Count | Sum"


Elementary = (
    Count | Sum | Mean | Max | Min | Distinct | TopShare | Entropy | Repeat | Share | Favorite | First | Last | Age
    | Tenure | Length | Until | Gaps | Sessions | Abandoned | Transition | Moves | Streak
)  # fmt: skip
Feature = Elementary | Outside | Ratio | Touches | Trend
CATEGORICAL = (Favorite, First, Last)
"""Features of events whose answer is a text."""
