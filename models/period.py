"""A spec asked about another horizon, or trained on another number of weeks: its text changes, and is read as any other.

So the bundle keeps a text that says what was trained, names included.
"""

import re
from collections.abc import Sequence
from typing import Final

from features.errors import InputError
from features.events import DAY

from .document import root
from .spec import Spec, read_spec

WITHOUT: Final = ("hazard", "cadence", "interest")
"""Kinds of target whose horizon is not one number that a caller may choose."""

WEEK: Final = 7 * DAY


def over(specs: Sequence[Spec], horizon: int | None, weeks: int | None) -> tuple[list[Spec], list[str]]:
    """The specs over another period, and notes on what that means.

    Args:
        specs: As they were read.
        horizon: Microseconds to look ahead, whole days; None leaves each spec's own. A name that ends in the old horizon's days
            ends in the new one's, and so does a title; a hazard answers for every horizon and stays.
        weeks: Weeks that training cutoffs lie in, the newest that fit; None leaves each spec's number of cutoffs.

    Raises:
        InputError: The horizon is not whole days, or two specs come to have one name.
        SpecError: The spec does not allow it: its gap is fixed and shorter, or the horizon is more than 400 days.
    """
    if horizon is not None and horizon % DAY:
        raise InputError(f"--horizon of {horizon / DAY:g} days is not whole days. Write whole days, such as 14d or 2w.")
    notes: list[str] = []
    found: list[Spec] = []
    for spec in specs:
        changed = spec
        if horizon is not None and spec.target.kind in WITHOUT:
            notes.append(f"{spec.name} answers for horizons of its own; --horizon does not change it.")
        elif horizon is not None and horizon != spec.target.horizon:
            changed = ahead(spec, horizon // DAY)
            if changed.name != spec.name:
                notes.append(f"{spec.name} became {changed.name}: tags that read {spec.name} are not assigned from it.")
        if weeks is not None:
            cutoffs = max(1, weeks * WEEK // changed.split.every)
            changed = edited(changed, {("split", "train"): str(cutoffs)})
        found.append(changed)
    names = [spec.name for spec in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"With --horizon two specs are named {name}. Name the specs to train: intently train SPEC."
            )
    return found, notes


def ahead(spec: Spec, days: int) -> Spec:
    """The spec with a horizon of so many days, under an honest name and title."""
    old = spec.target.horizon / DAY
    name = re.sub(rf"_{old:g}d$", f"_{days}d", spec.name)
    keys = {("target", "name"): f'"{name}"', ("target", "horizon"): f'"{days}d"'}
    for language in ("zh", "en"):
        title = re.sub(rf"\b{old:g}( ?天| days?\b)", rf"{days}\1", spec.title[language])
        keys["title", language] = '"' + title.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return edited(spec, keys)


def edited(spec: Spec, keys: dict[tuple[str, str], str]) -> Spec:
    """The spec whose text has other values; keys are (table, key), values as TOML writes them.

    Raises:
        SpecError: It then breaks a rule.
    """
    text = spec.text
    for (table, key), value in keys.items():
        text = _with(text, table, key, value)
    return read_spec(root(text, spec.path), text)


def _with(text: str, table: str, key: str, value: str) -> str:
    """The text with `key = value` in `[table]`: in the key's place, else below the table's head, else in a table at the end."""
    lines = text.splitlines()
    heads = [place for place, line in enumerate(lines) if line.lstrip().startswith("[")]
    top = next((n for n in heads if re.match(rf"\s*\[\s*{re.escape(table)}\s*\]", lines[n])), None)
    if top is None:
        return "\n".join([*lines, "", f"[{table}]", f"{key} = {value}"]) + "\n"
    end = next((n for n in heads if n > top), len(lines))
    at = next((n for n in range(top, end) if re.match(rf'\s*"?{re.escape(key)}"?\s*=', lines[n])), None)
    if at is None:
        lines.insert(top + 1, f"{key} = {value}")
    else:
        lines[at] = f"{key} = {value}"
    return "\n".join(lines) + "\n"
