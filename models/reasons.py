"""Why a predicted tag has its value: the strongest signed contributions, by feature and by family, in words.

LightGBM's contributions (TreeSHAP) say what each feature adds to the raw score of the value's class, which is in log-odds;
they sum to it exactly. Features that put one question to several windows are summed, so that a question has one voice,
and speak through the one of them that weighs most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

import numpy as np

from features.algebra import Feature, Ratio, Trend
from features.catalogue import Catalogue, Entry
from features.matrix import Matrix
from features.words import Language

from . import interestwords
from .interestmodel import InterestModel
from .model import Model
from .phrases import family, outcome, phrase, written

MOST: Final = 3
"""Reasons given."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A row's answer, explained.

    Attributes:
        reasons: At most `MOST`, the strongest first.
        account: The read-out that is explained, `of`, and its `title`; `expected`, its score before anything is known, and
            every family's contribution, the strongest first, which sum to `score`; and all of it in words, `en` and `zh`.
    """

    reasons: list[dict[str, Any]]
    account: dict[str, Any]


def explain(
    model: Model, catalogue: Catalogue, matrix: Matrix, rows: np.ndarray, classes: np.ndarray, currency: str = ""
) -> list[Explained]:
    """Each row's answer, explained; a row's is the same in any company.

    Args:
        model: Whose prediction.
        catalogue: Titles and questions of its features.
        matrix: What it was predicted from.
        rows: (r,) places of the matrix's rows.
        classes: (r,) place, in `target.readouts`, of the class or read-out whose score is explained.
        currency: The shop's.
    """
    groups = questions(model.names, catalogue)
    families = [catalogue.entries[model.names[members[0]]].family for members in groups]
    names = list(model.target.readouts)
    found: dict[int, Explained] = {}
    for label in np.unique(classes).tolist():
        places = np.flatnonzero(classes == label)
        each, rest, score = model.explained(matrix, rows[places], label)
        total = np.zeros((len(places), len(groups)))
        for group, members in enumerate(groups):
            for column in members:  # one by one, so that a row's sum does not depend on the other rows
                total[:, group] += each[:, column]
        own = (
            interestwords.reasons(model, matrix, rows[places], label, MOST) if isinstance(model, InterestModel) else []
        )
        strongest = np.argsort(-np.abs(total), axis=1, kind="stable")[:, :MOST]
        for row, place in enumerate(places.tolist()):
            told = own[row] if own else []
            for group in strongest[row].tolist():
                loudest = max(groups[group], key=lambda column: abs(each[row, column]))
                if total[row, group] != 0:
                    entry = catalogue.entries[model.names[loudest]]
                    value = value_of(matrix, entry.name, int(rows[place]))
                    told.append(reason(entry, value, float(total[row, group]), names[label], currency))
            account = _account(names[label], float(rest[row]), float(score[row]), total[row].tolist(), families)
            found[place] = Explained(told, account)
    return [found[place] for place in range(len(rows))]


def reason(
    entry: Entry, value: float | str | None, contribution: float, readout: str, currency: str = ""
) -> dict[str, Any]:
    """One reason as data and in words: the value, and what it does to the probability of a read-out."""
    return {
        "feature": entry.name,
        "family": entry.family,
        "value": value,
        "unit": entry.unit,
        "contribution": contribution,
        "en": f"{entry.en}: {written(entry, value, 'en', currency)} ({contribution:+.2f})",
        "zh": f"{entry.zh}：{written(entry, value, 'zh', currency)}（{contribution:+.2f}）",
        "effect": "raises" if contribution >= 0 else "lowers",
        "sentence": {
            "en": f"{phrase(entry, value, 'en', currency)}, which {_effect(contribution, readout, 'en')}",
            "zh": f"{phrase(entry, value, 'zh', currency)}，{_effect(contribution, readout, 'zh')}",
        },
    }


def questions(names: Sequence[str], catalogue: Catalogue) -> list[list[int]]:
    """Places of the features that put the same question, in order of first appearance."""
    groups: dict[object, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(question(catalogue.entries[name].feature), []).append(place)
    return list(groups.values())


@lru_cache(maxsize=4096)  # asked of every feature for each tag that is explained
def question(feature: Feature) -> object:
    """A feature without its windows: equal for features that differ in nothing else."""
    if isinstance(feature, Ratio):
        return ("Ratio", question(feature.numerator), question(feature.denominator))
    if isinstance(feature, Trend):
        return ("Trend", question(feature.short), question(feature.long))
    return (type(feature).__name__, *(getattr(feature, f.name) for f in fields(feature) if f.name != "window"))


def value_of(matrix: Matrix, name: str, row: int) -> float | str | None:
    """A row's answer; None for nothing."""
    if name in matrix.texts:
        text = matrix.texts[name][row].as_py()
        return None if text is None else str(text)
    number = float(matrix.column(name)[row])
    return number if np.isfinite(number) else None


def _account(
    readout: str, expected: float, score: float, contributions: Sequence[float], families: Sequence[str]
) -> dict[str, Any]:
    sums: dict[str, float] = {}
    for name, contribution in zip(families, contributions, strict=True):
        sums[name] = sums.get(name, 0.0) + contribution
    ordered = sorted((name for name in sums if sums[name] != 0), key=lambda name: (-abs(sums[name]), name))
    listed = {
        language: [f"{family(name, language)} {sums[name]:+.2f}" for name in ordered[:MOST]]
        for language in ("en", "zh")
    }
    return {
        "of": readout,
        "title": {"zh": outcome(readout, "zh"), "en": outcome(readout, "en")},
        "expected": expected,
        "score": score,
        "unit": "log-odds",
        "families": [
            {
                "family": name,
                "title": {"zh": family(name, "zh"), "en": family(name, "en")},
                "contribution": sums[name],
            }
            for name in ordered
        ],
        "en": f"What speaks for (+) and against (−) {outcome(readout, 'en')}: {', '.join(listed['en']) or 'nothing'}.",
        "zh": f"支持（+）与反对（−）“{outcome(readout, 'zh')}”的依据：{'，'.join(listed['zh']) or '无'}。",
    }


def _effect(contribution: float, readout: str, language: Language) -> str:
    up = contribution >= 0
    if language == "zh":
        return f"{'提高' if up else '降低'}{outcome(readout, 'zh')}的概率（{contribution:+.2f}）"
    return f"{'raises' if up else 'lowers'} the probability of {outcome(readout, 'en')} ({contribution:+.2f})"
