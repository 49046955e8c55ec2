"""What can be told of a feature without asking it: its parts, the kinds that it names, which way it looks, what it answers with."""

from .algebra import (
    ALL_BACK,
    CATEGORICAL,
    Attribute,
    Elementary,
    Feature,
    Outside,
    Ratio,
    Touches,
    Transition,
    Trend,
)
from .errors import SpecError


def is_text(feature: Feature) -> bool:
    """Is the answer a text?"""
    return isinstance(feature, (*CATEGORICAL, Touches)) or (isinstance(feature, Attribute) and feature.type == "text")


def parts(feature: Feature) -> tuple[Elementary, ...]:
    """The elementary questions that a feature is made of, in order; none of one that the kernel does not answer."""
    if isinstance(feature, Outside | Touches):
        return ()
    if isinstance(feature, Ratio):
        return (*parts(feature.numerator), *parts(feature.denominator))
    if isinstance(feature, Trend):
        return (feature.short, feature.long)
    return (feature,)


def named(feature: Feature) -> tuple[str, ...]:
    """The kinds that a feature names."""
    if isinstance(feature, Touches):
        return tuple(kind for kinds in feature.groups for kind in kinds)
    of = ((*getattr(part, "kinds", ()), *getattr(part, "since", ())) for part in parts(feature))
    steps = ((part.before, part.after) for part in parts(feature) if isinstance(part, Transition))
    return tuple(kind for kinds in (*of, *steps) for kind in kinds)


def is_forward(feature: Feature) -> bool:
    """Does the feature look at the future?

    Raises:
        SpecError: It looks both ways.
    """
    if isinstance(feature, Touches):
        return feature.ahead > 0
    ways = {getattr(part, "window", ALL_BACK).forward for part in parts(feature)} or {False}
    if len(ways) > 1:
        raise SpecError(f"{feature} mixes backward and forward windows: a feature looks back, a target forward.")
    return ways.pop()
