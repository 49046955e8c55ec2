"""A tag's definition: what it is called, who answers for it, what it means, and how its value is read from a person."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

from features.events import DAY

CATEGORIES: Final = {
    "basic": "基础属性",
    "spending": "消费属性",
    "behaviour": "行为属性",
    "interest": "兴趣爱好",
    "channel": "渠道来源",
    "journey": "用户旅程",
}
"""The six categories, with their Chinese titles."""

KINDS: Final = ("static", "rule", "statistical", "predicted")
"""Static: a fact that stays. Rule: stated thresholds. Statistical: read from data. Predicted: read from a model."""

STATUSES: Final = ("draft", "live", "deprecated", "retired")
"""A life in order; live and deprecated tags are assigned."""

STANDS_OUT: Final = 1.5
"""Times the shop's share from which a class of a person's own stands out."""

OTHERWISE: Final = "otherwise"
"""The rule of a last value that takes everybody left."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text in Chinese and in English."""

    zh: str
    en: str

    @property
    def json(self) -> dict[str, str]:
        """Both, by language."""
        return {"zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class Value:
    """One of a tag's values.

    Attributes:
        name: As assigned.
        title: As shown.
        rule: Of a rule tag: who has it; the first value whose rule holds counts. `otherwise` for the last.
        below: Of a tag in bands: the band's upper bound, open; None for the last.
    """

    name: str
    title: Words
    rule: str | None = None
    below: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How a predicted tag reads a model.

    Attributes:
        targets: Names or patterns, in order of preference; the first that the bundle has is read.
        read: `most_probable`: the value is the class with the largest probability, the earlier one where they tie.
            `bands`: the value is the band in which P(`label`) lies. `stands_out`: of classes that are the shop's own, the last
            of which is all the rest, the most probable one among those at least `STANDS_OUT` times as probable as in the shop;
            the tag's own single value where none is.
        label: The class, or read-out such as `buy_7d`, whose probability is banded.
        unit: What the bands' bounds count in: `probability`, or `base_rate`, multiples of the class's share in training.
    """

    targets: tuple[str, ...]
    read: Literal["most_probable", "bands", "stands_out"]
    label: str | None = None
    unit: Literal["probability", "base_rate"] = "probability"


@dataclass(frozen=True, slots=True)
class Tier:
    """A number from 1 to `len(quantiles) + 1` by quantiles of the shop's own persons.

    The cut points are fitted once, over the persons `among` whom the tag is defined, and frozen. Rising: one more than the
    number of cut points strictly below the feature's value; falling: strictly above it, so that small values rank high.
    """

    feature: str
    quantiles: tuple[float, ...]
    order: Literal["rising", "falling"] = "rising"


@dataclass(frozen=True, slots=True)
class Example:
    """Events in, value out.

    Attributes:
        value: The value wanted; None where the tag must be absent.
        events: Events by field, money in units; `ago` is the time before the cutoff.
        at: The cutoff, microseconds UTC.
        timezone: The shop's.
        cuts: Cut points of the tag's tiers.
        probabilities: Of a predicted tag: the model's answer, by class.
        base_rates: And its base rates.
        tags: Values of other tags that it reads.
    """

    value: str | None
    events: tuple[dict[str, Any], ...] = ()
    at: int = 20_000 * DAY + DAY // 2
    timezone: str = "UTC"
    cuts: dict[str, tuple[float, ...]] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    base_rates: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tag:
    """One definition. Exactly one of `reading`, `feature` and the values' rules says how the value is found.

    Attributes:
        name: By which it is asked for and named in other tags' rules.
        kind: One of `KINDS`.
        category: One of `CATEGORIES`.
        title: As shown.
        definition: What it means, in one sentence.
        owner: Who answers for it.
        purpose: What it is used for.
        target_metric: The figure that it should move.
        consent: The purpose that the user must have agreed to; empty where none is needed.
        ttl: Microseconds from `computed_at` to `expires_at`.
        review_by: When it is to be looked at again.
        status: One of `STATUSES`.
        version: Raised with every change of meaning.
        values: In order; of a tag read from a feature, titles of the values known beforehand.
        among: Rule over features: who can have the tag at all; None for everybody.
        reading: How a predicted tag reads a model.
        feature: A text feature whose answer is the value.
        tiers: Numbers by quantile, under names of their own, for the rules.
        optional: Features that a log may lack; their clauses then hold for nobody. Without the others the tag is unassigned.
        examples: Events in, value out.
        source: The file.
    """

    name: str
    kind: str
    category: str
    title: Words
    definition: Words
    owner: str
    purpose: str
    target_metric: str
    consent: str
    ttl: int
    review_by: date
    status: str
    version: int
    values: tuple[Value, ...]
    among: str | None
    reading: Reading | None
    feature: str | None
    tiers: dict[str, Tier]
    optional: tuple[str, ...]
    examples: tuple[Example, ...]
    source: str

    @property
    def assigned(self) -> bool:
        """Is the tag given to persons, in its present status?"""
        return self.status in {"live", "deprecated"}

    @property
    def origin(self) -> str:
        """The source of a row that no model stands behind: `rule:price_sensitive@1`."""
        return f"{self.kind}:{self.name}@{self.version}"

    def places(self) -> dict[str, int]:
        """Place of every value."""
        return {value.name: place for place, value in enumerate(self.values)}
