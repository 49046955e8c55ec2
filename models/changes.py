"""What would change a tag of one person, as data and in words.

It says what the model would answer. It does not say what would cause anything.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from features.catalogue import Catalogue
from features.matrix import Matrix
from features.words import Language

from .counterfactual import Change, Judge, Search, moves_of, together, values_of
from .levers import Lever
from .model import Model
from .phrases import amount, phrase
from .reasons import question
from .tagframe import Block

SAYS: Final = {
    "en": "This says what the model would answer if these figures were so and all others as they are. It does not say what would "
    "cause a purchase. Counts and ages of the same events move together; ratios, trends and other figures made from them do not.",
    "zh": "此处说明：若这些数值如此而其余不变，模型会如何回答；并不说明什么会促成购买。"
    "相同行为的次数与距今天数一并变动，由其算出的比率、趋势等其他数值不变。",
}


def what_if(
    model: Model, catalogue: Catalogue, levers: Sequence[Lever], matrix: Matrix, judge: Judge, currency: str = ""
) -> list[dict[str, Any]]:
    """What would change a tag of one person.

    Args:
        model: That the tag reads.
        catalogue: Of its features.
        levers: What can be acted on.
        matrix: The person's one row.
        judge: The tag's values of rows.
        currency: The shop's.

    Returns:
        One object a value that may be reached: of bands the next lower and the next higher one, else every other class that
        training saw.
    """
    kin = {lever.name: question(catalogue.entries[lever.name].feature) for lever in levers}
    search = Search(judge, matrix, moves_of(model, levers, matrix), kin)
    now = search.now
    reading, n = now.tag.reading, len(now.values)
    assert reading is not None
    if reading.read == "bands":
        aims = {place: place - search.code for place in (search.code - 1, search.code + 1) if 0 <= place < n}
    else:
        aims = {place: 0 for place in range(n) if place != search.code and model.base_rates[place] > 0}
    return [_told(change, catalogue, matrix, now, currency) for change in search.changes(aims)]


def _told(change: Change, catalogue: Catalogue, matrix: Matrix, now: Block, currency: str) -> dict[str, Any]:
    """A change as data and in words."""
    assert now.probability is not None
    assert now.probabilities is not None
    bands = now.tag.reading is not None and now.tag.reading.read == "bands"
    before = float(now.probability[0] if bands else now.probabilities[0, change.code])
    titles = {value.name: value.title.json for value in now.tag.values}
    value = now.values[change.code if change.moves else change.aim]
    title = titles.get(value, {"zh": value, "en": value})
    features, en_parts, zh_parts = [], [], []
    values = values_of(matrix, change.moves)
    then, was = together(change.moves, values), {name: _known(number) for name, number in values.items()}
    own = {move.lever.name for move in change.moves}
    for move in change.moves:
        entry = catalogue.entries[move.lever.name]
        after, before_it = then.get(entry.name, values[entry.name]), was[entry.name]
        en_parts.append(f"{phrase(entry, after, 'en', currency)} ({_was(before_it, entry.unit, 'en')})")
        zh_parts.append(f"{phrase(entry, after, 'zh', currency)}（{_was(before_it, entry.unit, 'zh')}）")
        features.append(
            {
                "feature": entry.name,
                "family": entry.family,
                "unit": entry.unit,
                "from": before_it,
                "to": after,
                "along": {
                    name: {"from": was[name], "to": then[name]}
                    for name in move.lever.moved
                    if name in then and name not in own and then[name] != was[name]
                },
                "why": move.lever.why.json,
                "en": en_parts[-1],
                "zh": zh_parts[-1],
            }
        )
    if features:
        en = f"“{title['en']}” ({change.probability:.0%}, now {before:.0%}) with {' and '.join(en_parts)}."
        zh = f"若{'，且'.join(zh_parts)}，则为“{title['zh']}”（{change.probability:.0%}，现为{before:.0%}）。"
    else:
        en = f"Nothing small that a shop can act on would make it “{title['en']}”."
        zh = f"店铺可影响的小幅变化都不会使其变为“{title['zh']}”。"
    return {
        "to": value,
        "title": title,
        "probability": change.probability if features else None,
        "probability_now": before if features else None,
        "size": change.size if features else None,
        "features": features,
        "en": en,
        "zh": zh,
    }


def _was(value: float | None, unit: str, language: Language) -> str:
    told = ("none" if language == "en" else "无") if value is None else amount(value, unit, language)
    return f"now {told}" if language == "en" else f"现为{told}"


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
