"""`intently drivers`: what drives the predicted tags of a shop's people, by value."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from features.errors import InputError, NotReadyError, did_you_mean
from features.instants import to_iso
from features.log import EventLog
from features.population import population
from features.workspace import Workspace
from models.assign import predicted, prediction
from models.drivers import drivers as separate

from .live import load
from .score import pair

SAYS: Final = {
    "en": "Gaps of mean contributions, in log-odds, between those who have the value and the others; they say what the model goes "
    "by, not what causes anything.",
    "zh": "有该值者与其他人的平均贡献之差（对数几率）：说明模型依据什么，并不说明因果。",
}


def drivers(
    workspace: Workspace, names: Sequence[str] = (), most: int = 1_000, as_of: int | None = None
) -> dict[str, Any]:
    """What drives each value of the predicted tags.

    Args:
        workspace: With a log and a champion.
        names: Of predicted tags; none for all that are assigned.
        most: People looked at, about; the same in every run.
        as_of: Microseconds UTC; None for the log's last instant.

    Returns:
        `as_of`, `version`, `people` looked at, what it `says`, and `tags`: name, title, and the `values` as
        `models.drivers.drivers` gives them.

    Raises:
        NotReadyError: Nothing was ingested, no version was promoted, or nobody is seen at the instant.
        InputError: A tag that is not there, or that no model stands behind.
    """
    live = load(workspace)
    bundle, (tags, targets) = live.bundle, pair(live.bundle, live.tagset)
    for name in names:
        if name not in targets:
            why = tags.unassigned.get(name, "no model stands behind it")
            told = f"The tag {name!r} has no drivers: {why}." if name in tags.names else f"Unknown tag {name!r}."
            raise InputError(f"{told} {did_you_mean(name, targets)}")
    log = EventLog(workspace)
    now = log.last_ts + 1 if as_of is None else as_of
    people = population(log, bundle.program, [now], most, "Asking the people").matrices[0]
    if not len(people):
        raise NotReadyError(f"Nobody has an event before {to_iso(now)}. Give a later --as-of.")
    found = []
    for name in names or targets:
        tag, model = tags.tags[name], bundle.models[targets[name]]
        assert tag.reading is not None
        if tag.reading.read == "stands_out":  # its values compete person by person: nothing drives a whole group
            continue
        said = prediction(model, model.predict(people), bundle.version)
        block = predicted(tag, tag.reading, said, np.ones(len(people), bool))
        readouts = list(model.target.readouts)
        label = tag.reading.label
        places = [readouts.index(label or value) for value in block.values]
        values = separate(model, bundle.catalogue, people, block, places, bundle.facts.currency)
        found.append({"name": name, "title": tag.title.json, "people": len(block), "values": values})
    return {"as_of": to_iso(now), "version": bundle.version, "people": len(people), "says": SAYS, "tags": found}
