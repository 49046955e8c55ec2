"""The answer about some users: what `lookup` prints and `/v1/tags` sends, as plain data."""

from math import isnan
from typing import Any, Final

from features.events import DAY
from features.instants import to_iso
from models.changes import SAYS

from .score import Scored

BASE_RATE: Final = {
    "zh": "没有该用户的行为记录：此为全店平均水平。",
    "en": "Nothing is known of this user: this is the shop's base rate.",
}
"""What a tag says that nothing about the person stands behind."""


def answer(scored: Scored, version: str, clock: str) -> dict[str, Any]:
    """The answer, users in the order of `scored`; every number is finite.

    Args:
        scored: The users' tags.
        version: Of the bundle that answers.
        clock: Which instant `as_of` is when the caller named none: `now`, the wall's, or `log`, the log's last.
    """
    known, ids = scored.known.tolist(), scored.users.to_pylist()
    users: list[dict[str, Any]] = [{"user_id": ids[n], "known": known[n], "tags": []} for n in range(len(ids))]
    for block in scored.tags.blocks:
        tag = block.tag
        titles = {value.name: value.title.json for value in tag.values}
        same = {
            "name": tag.name,
            "title": tag.title.json,
            "computed_at": to_iso(scored.now),
            "expires_at": to_iso(scored.now + tag.ttl),
        }
        people, codes = block.person.tolist(), block.code.tolist()
        p = None if block.probability is None else block.probability.tolist()
        each = None if block.probabilities is None else block.probabilities.tolist()
        base = None if block.base is None else block.base.tolist()
        for row, person in enumerate(people):
            value = block.values[codes[row]]
            at_base = base is not None and base[row]
            one = same | {
                "value": value,
                "probability": None if p is None else p[row],
                "probabilities": None if each is None else dict(zip(block.classes, each[row], strict=True)),
                "source": block.base_source if at_base else block.source,
            }
            if value in titles:
                one["value_title"] = titles[value]
            if at_base:
                one["note"] = BASE_RATE if block.note is None else dict(block.note)
            if block.low is not None and block.high is not None:
                one["interval"] = [block.low[row].item(), block.high[row].item()]
            if block.slices_failed is not None and block.slices_failed[row]:
                one["slices_failed"] = block.slices_failed[row]
            if block.scores:
                one["readouts"] = readouts(
                    {name: column[row : row + 1].tolist()[0] for name, column in block.scores.items()}, scored.now
                )
            if block.reasons is not None:
                one["reasons"] = block.reasons[row]
            if block.accounts is not None and block.accounts[row] is not None:
                one["explanation"] = block.accounts[row]
            if block.what_if is not None and block.what_if[row] is not None:
                one["what_if"] = {"changes": block.what_if[row], "says": SAYS}
            users[person]["tags"].append(one)
    found = {
        "as_of": to_iso(scored.now),
        "version": version,
        "clock": clock,
        "tag_set": scored.tag_set[:12],
        "users": users,
    }
    return found | ({"unassigned": scored.unassigned} if scored.unassigned else {})


def readouts(scores: dict[str, Any], now: int) -> dict[str, Any]:
    """Figures of a hazard (days as instants too, null for later than the last bucket) or of categories; NaN is null."""
    found: dict[str, Any] = {}
    for name, value in scores.items():
        found[name] = None if isinstance(value, float) and isnan(value) else value
        if name.endswith("_days"):
            at = None if isnan(value) else to_iso(now + round(value * DAY))
            found[f"{name.removesuffix('_days')}_at"] = at
    return found
