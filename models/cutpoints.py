"""Cut points: quantiles of the shop's own persons, fitted once at the log's last instant, and frozen.

Who fits: `train`, or else whoever scores first; from then on batch, lookup and service read the same file. A definition
whose tiers change is fitted anew, the others keep theirs. To fit all anew, remove `HOME/tags/cutpoints.json`.
"""

from dataclasses import replace

import numpy as np

from features import views
from features.events import NULL
from features.histories import Histories
from features.log import EventLog
from features.matrix import evaluate
from features.program import compile_program
from features.progress import track
from features.workspace import Facts, Workspace

from .columns import PersonColumns
from .frozen import Cuts, Frozen
from .tags import TagSet, load_tags


def ensure(workspace: Workspace, *, look_again: bool = False) -> TagSet:
    """The workspace's tag set, its cut points fitted where they are not yet.

    Cheap where nothing is missing; else one pass over the log.

    Args:
        workspace: Whose tags, log and cut points.
        look_again: Also look again which kinds and fields the log has; cut points stay as they are, except those that
            nobody was there to fit on.

    Raises:
        SpecError: A definition is wrong.
        NotReadyError: Something is missing, and the log is empty.
    """
    from filelock import FileLock  # only who fits needs it

    tags = load_tags(workspace)
    if not look_again and not unfitted(tags):
        return tags
    workspace.tags.mkdir(parents=True, exist_ok=True)
    with FileLock(workspace.tags / ".lock"):
        tags = load_tags(workspace)  # another may have fitted them meanwhile
        if not look_again and not unfitted(tags):
            return tags
        log = EventLog(workspace)
        frozen = fit(tags, log, workspace.facts, log.last_ts + 1)
        frozen.write(workspace.tags)
    return tags.with_frozen(frozen)


def unfitted(tags: TagSet) -> list[str]:
    """Names of tags with tiers that no cut points were sought for; all of them where the log was never looked at."""
    if tags.frozen.at is None:
        return list(tags.tags)
    return [name for name, tag in tags.tags.items() if tag.tiers and name not in tags.frozen.cuts]


def fit(tags: TagSet, log: EventLog, facts: Facts, at: int) -> Frozen:
    """What the tag set takes from the log at `at`, on top of what is frozen already.

    Args:
        tags: Whose missing cut points are fitted.
        log: Read bucket by bucket.
        facts: The shop's.
        at: The cutoff, microseconds UTC.
    """
    have = tags.frozen.cuts
    wanted = [name for name, tag in tags.tags.items() if tag.tiers and not (name in have and have[name].tiers)]
    asked = {feature for name in wanted for feature in tier_features(tags, name)}
    program = None
    if asked:
        program = compile_program(
            {name: tags.features[name] for name in sorted(asked)},
            kinds=facts.kinds,
            retention_days=facts.retention_days,
            timezone=facts.timezone,
            sources=log.workspace.features,
        )
    seen: dict[str, np.ndarray] = {}
    found: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in wanted}
    for bucket in track("Fitting cut points", log.buckets()):
        histories = log.read(bucket, texts=program.texts if program else ())
        histories = log.informed(histories, program.attributes if program else ())
        _look(histories, seen)
        if program is not None and len(histories):
            histories = views.canonical(histories, at)
            n = len(histories)
            matrix = evaluate(program, histories, np.arange(n), np.full(n, at, np.int64))
            columns = PersonColumns(matrix, at, facts.timezone)
            for name in wanted:
                found[name].append(_values(tags, name, columns))
    kinds = {field: frozenset(facts.kinds[code] for code in np.flatnonzero(which)) for field, which in seen.items()}
    frozen = replace(
        tags.frozen,
        at=at,
        kinds=kinds.pop("", frozenset()),
        fields={field: some for field, some in kinds.items() if some},
    )
    cuts = {}
    for name, parts in found.items():
        lacking = any(frozen.lacking(tags.features[feature]) for feature in tier_features(tags, name))
        cuts[name] = quantiles(tags, name, [] if lacking else parts, at)  # zeros of what is not there are no sample
    return replace(frozen, cuts=have | cuts)


def tier_features(tags: TagSet, name: str) -> set[str]:
    """Features that a tag's cut points rest on."""
    among = tags.plans[name].among
    return {tier.feature for tier in tags.tags[name].tiers.values()} | set(among.names if among else ())


def quantiles(tags: TagSet, name: str, parts: list[dict[str, np.ndarray]], at: int) -> Cuts:
    """A tag's cut points: values that persons have (the inverse of the empirical distribution), so that none is made up.

    Args:
        tags: The tag set.
        name: Of the tag.
        parts: Values by tier, of some of the persons each; their order does not matter.
        at: The cutoff.

    Returns:
        Without tiers where one of them has nobody with a value.
    """
    tiers: dict[str, tuple[float, ...]] = {}
    users = 0
    for key, tier in tags.tags[name].tiers.items():
        values = np.concatenate([part[key] for part in parts] or [np.empty(0)])
        users = max(users, len(values))
        values = values[~np.isnan(values)]
        if not len(values):
            return Cuts(at, users, {}, tags.tier_digest(name))
        tiers[key] = tuple(np.quantile(values, tier.quantiles, method="inverted_cdf").tolist())
    return Cuts(at, users, tiers, tags.tier_digest(name))


def _values(tags: TagSet, name: str, columns: PersonColumns) -> dict[str, np.ndarray]:
    """Values by tier of the persons among whom the tag is defined."""
    among = tags.plans[name].among
    with np.errstate(all="ignore"):
        inside = np.ones(len(columns), bool) if among is None else among.test(columns)
    return {key: columns.number(tier.feature)[inside] for key, tier in tags.tags[name].tiers.items()}


def _look(histories: Histories, seen: dict[str, np.ndarray]) -> None:
    """Note which kinds there are (under the empty name), and which kinds have which field."""
    masks = {"": np.ones(histories.n_events, bool)}
    masks |= {name: column != NULL for name, column in histories.numbers.items()}
    masks |= {name: field.codes >= 0 for name, field in histories.coded.items()}
    for name, mask in masks.items():
        found = np.bincount(histories.kind[mask], minlength=64) > 0
        seen[name] = seen.get(name, np.zeros(64, bool)) | found
