"""What drives a tag: by which families and features those who have a value differ, in the model's eyes, from the rest.

A contribution says what a feature adds to one person's score. Its mean over those who have the value, less its mean over the
others, is what it adds to the gap between their mean scores; over all features these sum to that gap exactly.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from features.catalogue import Catalogue, Entry
from features.matrix import Matrix

from .model import Model
from .phrases import family, outcome, phrase, written
from .reasons import questions, value_of
from .tagframe import Block

MOST: Final = 5
"""Features named of a value."""
FEWEST: Final = 5
"""People that must have a value, and not have it, before anything is said of it."""


def drivers(
    model: Model, catalogue: Catalogue, matrix: Matrix, block: Block, places: Sequence[int], currency: str = ""
) -> list[dict[str, Any]]:
    """What drives each value of a predicted tag.

    Args:
        model: That the tag reads.
        catalogue: Of its features.
        matrix: What it was predicted from.
        block: The tag's rows.
        places: Of every value, in `target.readouts`, of the read-out that stands for it.
        currency: The shop's.

    Returns:
        One object a value, in the tag's order: `people`, `share`, mean `probability`, the read-out `of`; `gap` of the mean
        scores, in log-odds; `families` and the strongest `features` with their part of it, the strongest first, and the
        typical value of each, inside and outside. No families and features where too few have the value, or all.
    """
    assert block.probability is not None
    groups = questions(model.names, catalogue)
    titles = {value.name: value.title.json for value in block.tag.values}
    readouts = list(model.target.readouts)
    given = {place: model.explained(matrix, block.person, place)[0] for place in dict.fromkeys(places)}
    found = []
    for code, value in enumerate(block.values):
        inside = block.code == code
        told: dict[str, Any] = {
            "value": value,
            "title": titles.get(value, {"zh": value, "en": value}),
            "people": int(inside.sum()),
            "share": float(inside.mean()) if len(inside) else 0.0,
            "probability": float(block.probability[inside].mean()) if inside.any() else None,
            "of": readouts[places[code]],
            "of_title": {"zh": outcome(readouts[places[code]], "zh"), "en": outcome(readouts[places[code]], "en")},
            "gap": None,
            "families": [],
            "features": [],
        }
        if min(inside.sum(), (~inside).sum()) >= FEWEST:
            each = given[places[code]]
            means = np.stack([each[inside].mean(axis=0), each[~inside].mean(axis=0)])
            told |= _separating(means, groups, model.names, catalogue, matrix, block.person, inside, currency)
        found.append(told)
    return found


def typical(entry: Entry, matrix: Matrix, rows: np.ndarray) -> float | str | None:
    """The median of a number, nothing where most have none; the most frequent text, of equals the first in order."""
    if entry.name in matrix.texts:
        counts = Counter(value_of(matrix, entry.name, row) for row in rows.tolist())
        return min(counts, key=lambda text: (-counts[text], str(text)))
    values = matrix.column(entry.name)[rows]
    known = values[~np.isnan(values)]
    return float(np.median(known)) if 2 * len(known) >= len(values) and len(known) else None


def _separating(
    means: np.ndarray,
    groups: Sequence[Sequence[int]],
    names: Sequence[str],
    catalogue: Catalogue,
    matrix: Matrix,
    person: np.ndarray,
    inside: np.ndarray,
    currency: str,
) -> dict[str, Any]:
    """`gap`, `families` and `features` from (2, k) mean contributions, inside and outside."""
    parts = means[0] - means[1]
    sums = np.array([[means[side][list(group)].sum() for group in groups] for side in (0, 1)])
    gaps = sums[0] - sums[1]
    of_family: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        of_family.setdefault(catalogue.entries[names[group[0]]].family, []).append(place)
    families = [
        {
            "family": name,
            "title": {"zh": family(name, "zh"), "en": family(name, "en")},
            "inside": float(sums[0][held].sum()),
            "outside": float(sums[1][held].sum()),
            "gap": float(gaps[held].sum()),
        }
        for name, held in of_family.items()
    ]
    features = []
    for place in np.argsort(-np.abs(gaps), kind="stable")[:MOST].tolist():
        if gaps[place] != 0:
            entry = catalogue.entries[names[max(groups[place], key=lambda column: abs(parts[column]))]]
            here, there = (typical(entry, matrix, person[rows]) for rows in (inside, ~inside))
            features.append(
                {
                    "feature": entry.name,
                    "family": entry.family,
                    "unit": entry.unit,
                    "inside": float(sums[0][place]),
                    "outside": float(sums[1][place]),
                    "gap": float(gaps[place]),
                    "typical": {"inside": here, "outside": there},
                    "en": f"{phrase(entry, here, 'en', currency)} (the others: {written(entry, there, 'en', currency)})",
                    "zh": f"{phrase(entry, here, 'zh', currency)}（其他人：{written(entry, there, 'zh', currency)}）",
                }
            )
    return {
        "gap": float(gaps.sum()),
        "families": sorted(families, key=lambda one: (-abs(one["gap"]), one["family"])),
        "features": features,
    }
