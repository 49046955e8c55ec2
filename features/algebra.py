"""The questions one can put to a history: a closed set of frozen dataclasses, the whole semantics on one page.

A history is one person's events, sorted by (`ts`, `event_key` as two signed halves), equal keys kept once (the first arrival;
where that ties, the row that came first). A question is asked at a cutoff `t`, in int64 microseconds UTC.

- Backward questions (features) see an event only if `t - RETENTION <= ts < t` and `arrived_at < t`; an `arrived_at` that is
  null or below `ts` counts as `ts`. Forward ones (targets) see it if `t <= ts < t + RETENTION`, whenever it arrived.
- A window is half-open: `[t + start, t + stop)`. No kinds means every kind, those that a shop adds later included.
- Of nothing, Count, Sum, Distinct, Repeat, Abandoned, Transition and Sessions' count are 0, Favorite, First and Last null, all
  others NaN. A Ratio is NaN where its denominator is 0 or NaN, or its numerator NaN.
- A null field adds nothing to Sum, Max, Min, Mean, Distinct, TopShare, Entropy, Repeat and Favorite.
- Numbers leave in the field's unit: money, quantity and rating in units (fixed point / 10,000), dwell in seconds; Age,
  Until, Tenure and Gaps in days (86,400 s, float64). `day`, `hour` and `weekday` are the shop timezone's.
- Totals are exact int64. A quotient is one float64 division, by the unit or by (count x unit): Mean of value is
  `float(total) / float(n * 10_000)`. A median of an even number is `(a + b) / (2 * unit)`.
- A session is a run of events of `kinds` with no silence of `gap` or more between neighbours; it is cut from what is seen, and
  belongs, whole, to the window in which it starts.
- Transitions are between neighbours (any kinds) in one session of all kinds with the default gap; the later one's `ts`
  decides the window, the earlier one need only be seen.
- Gaps are between neighbours in the window; days are merged after the window has been cut.
- An item is Abandoned unless a purchase of it that is seen, in the window or after, is at or after its last cart event there.
- Where counts tie, Favorite is the value whose latest event is later (by ts, then key).
"""

from dataclasses import dataclass
from typing import Literal

from .errors import SpecError
from .events import DAY, RETENTION_DAYS, SESSION_GAP

Kinds = tuple[str, ...]
"""Event kinds, sorted and without repetition; empty means every kind."""

NumberField = Literal["value", "quantity", "discount", "rating", "dwell"]
CodedField = Literal["item", "category", "channel", "campaign", "page", "referrer"]
CalendarField = Literal["day", "hour", "weekday"]


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open interval relative to a cutoff, in microseconds: `[cutoff + start, cutoff + stop)`.

    Raises:
        SpecError: `start >= stop`, the window lies on both sides of the cutoff, or reaches beyond 10 years.
    """

    start: int
    stop: int = 0

    def __post_init__(self) -> None:
        if self.start >= self.stop:
            raise SpecError(f"Window [{self.start}, {self.stop}) µs is empty: start must be below stop.")
        if self.start < 0 < self.stop:
            raise SpecError(f"Window [{self.start}, {self.stop}) µs holds the cutoff: look back or forward, not both.")
        if max(-self.start, self.stop) > 3660 * DAY:
            raise SpecError(f"Window [{self.start}, {self.stop}) µs reaches beyond 10 years of the cutoff.")

    @property
    def forward(self) -> bool:
        """Does it look at the future?"""
        return self.start >= 0


def back(days: float) -> Window:
    """`[cutoff - days, cutoff)`."""
    return Window(-round(days * DAY))


def ahead(days: float) -> Window:
    """`[cutoff, cutoff + days)`."""
    return Window(0, round(days * DAY))


ALL_BACK = back(RETENTION_DAYS)
"""The whole of what can be seen; a workspace with a shorter RETENTION sees that."""


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

    field: CodedField | CalendarField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class TopShare:
    """Largest share that one value has of the events with a value."""

    field: CodedField | CalendarField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Entropy:
    """Shannon entropy, in nats, of the values' shares (Shannon 1948, section 6)."""

    field: CodedField | CalendarField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Repeat:
    """Most events on one value."""

    field: CodedField
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

    field: CodedField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class First:
    """The value of the earliest event that has one."""

    field: CodedField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Last:
    """The value of the latest event that has one."""

    field: CodedField
    kinds: Kinds
    window: Window


@dataclass(frozen=True, slots=True)
class Age:
    """Days from the latest event of `kinds` seen to the cutoff."""

    kinds: Kinds


@dataclass(frozen=True, slots=True)
class Tenure:
    """Days from the earliest event of `kinds` seen to the cutoff."""

    kinds: Kinds


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
class Attribute:
    """What a table of attributes says of the person at the cutoff: of the rows with `valid_from <= t` (null: always), the latest
    that gives the field. A number is NaN for nothing and for what is no number; a text is null for nothing."""

    field: str
    table: str = "users"
    type: Literal["number", "text"] = "number"


@dataclass(frozen=True, slots=True)
class Function:
    """The number that a Python function of the workspace gives for a history as it is seen; NaN where it gives None.

    `digest` is the SHA-256 of the function's source file, `reads` are the fields that it is given beside ts and kind.
    """

    name: str
    digest: str
    reads: tuple[str, ...] = ()


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
    | Tenure | Until | Gaps | Sessions | Abandoned | Transition
)  # fmt: skip
Outside = Attribute | Function
"""What the kernel does not answer: it stands alone, never in a Ratio."""
Feature = Elementary | Outside | Ratio | Trend
CATEGORICAL = (Favorite, First, Last)
"""Features of events whose answer is a text."""


def is_text(feature: Feature) -> bool:
    """Is the answer a text?"""
    return isinstance(feature, CATEGORICAL) or (isinstance(feature, Attribute) and feature.type == "text")


def parts(feature: Feature) -> tuple[Elementary, ...]:
    """The elementary questions that a feature is made of, in order; none of one that the kernel does not answer."""
    if isinstance(feature, Outside):
        return ()
    if isinstance(feature, Ratio):
        return (*parts(feature.numerator), *parts(feature.denominator))
    if isinstance(feature, Trend):
        return (feature.short, feature.long)
    return (feature,)


def is_forward(feature: Feature) -> bool:
    """Does the feature look at the future?

    Raises:
        SpecError: It looks both ways.
    """
    ways = {getattr(part, "window", ALL_BACK).forward for part in parts(feature)} or {False}
    if len(ways) > 1:
        raise SpecError(f"{feature} mixes backward and forward windows: a feature looks back, a target forward.")
    return ways.pop()
