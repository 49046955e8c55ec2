"""Why a predicted tag has its value: the strongest signed contributions, in words.

LightGBM's contributions (TreeSHAP) say what each feature adds to the raw score of the value's class, which is in log-odds;
they sum to it exactly. Features that put one question to several windows are summed, so that a question has one voice,
and speak through the one of them that weighs most.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np

from features.algebra import Feature, Ratio, Trend
from features.catalogue import Catalogue, Entry
from features.matrix import Matrix

from .model import Model

MOST: Final = 3
"""Reasons given."""

ZH_UNITS: Final = {
    "days": "天",
    "events": "次",
    "sessions": "次",
    "steps": "次",
    "seconds": "秒",
    "pieces": "件",
    "items": "件商品",
    "categories": "个品类",
    "channels": "个渠道",
    "campaigns": "个活动",
    "pages": "个页面",
    "kinds": "种行为",
    "referrers": "个来源",
    "points": "分",
}
SILENT_UNITS: Final = frozenset({"ratio", "nats", "share", "currency", "events"})
"""Units that are not written behind an English number: there are none, or the title says it."""


def reasons(
    model: Model, catalogue: Catalogue, matrix: Matrix, rows: np.ndarray, classes: np.ndarray
) -> list[list[dict[str, Any]]]:
    """The strongest reasons of each row, the strongest first.

    Args:
        model: Whose prediction.
        catalogue: Titles and questions of its features.
        matrix: What it was predicted from.
        rows: (r,) places of the matrix's rows.
        classes: (r,) place, in `target.readouts`, of the class or read-out whose score is explained.

    Returns:
        (r) lists of at most `MOST`: `feature`, `family`, `value` (None where there is none), `unit`, `contribution`, `en`, `zh`.
    """
    groups = questions(model.names, catalogue)
    found: list[list[dict[str, Any]]] = [[] for _ in rows]
    for label in np.unique(classes):
        places = np.flatnonzero(classes == label)
        each = model.contributions(matrix, rows[places], int(label))
        total = np.zeros((len(places), len(groups)))
        for group, members in enumerate(groups):
            for column in members:  # one by one, so that a row's sum does not depend on the other rows
                total[:, group] += each[:, column]
        strongest = np.argsort(-np.abs(total), axis=1, kind="stable")[:, :MOST]
        for row, place in enumerate(places):
            for group in strongest[row].tolist():
                members = groups[group]
                loudest = members[int(np.argmax(np.abs(each[row, members])))]
                if total[row, group] != 0:
                    entry = catalogue.entries[model.names[loudest]]
                    found[place].append(
                        reason(entry, _value(matrix, entry.name, int(rows[place])), float(total[row, group]))
                    )
    return found


def reason(entry: Entry, value: float | str | None, contribution: float) -> dict[str, Any]:
    """One reason as data and in words."""
    return {
        "feature": entry.name,
        "family": entry.family,
        "value": value,
        "unit": entry.unit,
        "contribution": contribution,
        "en": f"{entry.en}: {_in_words(value, entry, 'en')} ({contribution:+.2f})",
        "zh": f"{entry.zh}：{_in_words(value, entry, 'zh')}（{contribution:+.2f}）",
    }


def questions(names: Sequence[str], catalogue: Catalogue) -> list[list[int]]:
    """Places of the features that put the same question, in order of first appearance."""
    groups: dict[object, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(question(catalogue.entries[name].feature), []).append(place)
    return list(groups.values())


def question(feature: Feature) -> object:
    """A feature without its windows: equal for features that differ in nothing else."""
    if isinstance(feature, Ratio):
        return ("Ratio", question(feature.numerator), question(feature.denominator))
    if isinstance(feature, Trend):
        return ("Trend", question(feature.short), question(feature.long))
    return (type(feature).__name__, *(getattr(feature, f.name) for f in fields(feature) if f.name != "window"))


def _value(matrix: Matrix, name: str, row: int) -> float | str | None:
    if name in matrix.texts:
        text = matrix.texts[name][row].as_py()
        return None if text is None else str(text)
    number = float(matrix.column(name)[row])
    return number if np.isfinite(number) else None


def _in_words(value: float | str | None, entry: Entry, language: str) -> str:
    if value is None:
        return "无" if language == "zh" else "none"
    if isinstance(value, str):
        return value
    if entry.unit == "share":
        return f"{value:.0%}"
    digits = 0 if value == round(value) or abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    number = f"{value:,.{digits}f}"
    if language == "zh":
        unit = ZH_UNITS.get(entry.unit, "")
        return number + ("" if unit and unit in entry.zh else unit)
    return number if entry.unit in SILENT_UNITS or entry.unit in entry.en else f"{number} {entry.unit}"
