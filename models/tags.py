"""A tag set: definitions checked together, their rules compiled, with the cut points frozen for them.

Ours lie in `models/tags/*.toml`; a workspace's own in `HOME/tags/*.toml` win by name, a whole table at a time.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from features import catalogue
from features.algebra import Feature
from features.catalogue import Catalogue
from features.errors import NotFoundError, SpecError, did_you_mean
from features.traits import is_text
from features.workspace import Workspace

from .frozen import Frozen
from .rules import Name, Rule, compile_rule
from .tag import OTHERWISE, Tag, Tier
from .tagfile import read_file

OURS: Final = Path(__file__).parent / "tags"


@dataclass(frozen=True, slots=True)
class Plan:
    """A tag's rules, compiled, and what they read.

    Attributes:
        among: Who can have the tag; None for everybody.
        rules: One a value; None takes everybody left.
        features: Catalogue names read, tiers' included.
        tags: Other tags read.
    """

    among: Rule | None
    rules: tuple[Rule | None, ...]
    features: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TagSet:
    """Tags that are assigned together; compared by identity, named by `digest`.

    Attributes:
        tags: By name, in the order in which answers list them.
        plans: By name, a tag after those that it reads.
        features: The questions that any of them reads.
        frozen: Cut points, and what the log had, at a stated instant.
        unassigned: Live tags that nobody gets, with the reason, whatever the model.
        digest: SHA-256 of the definitions and what is frozen.
    """

    tags: dict[str, Tag]
    plans: dict[str, Plan]
    features: dict[str, Feature]
    frozen: Frozen
    unassigned: dict[str, str]
    digest: str

    @property
    def names(self) -> tuple[str, ...]:
        """Tags that are assigned, in their present status."""
        return tuple(name for name, tag in self.tags.items() if tag.assigned)

    def closure(self, only: Iterable[str]) -> frozenset[str]:
        """The tags `only`, and those that they read, however far."""
        found: set[str] = set()
        for name in reversed(self.plans):
            if name in only or name in found:
                found |= {name, *self.plans[name].tags}
        return frozenset(found)

    def with_frozen(self, frozen: Frozen) -> "TagSet":
        """The same definitions with other cut points."""
        return _frozen(self.tags, self.plans, self.features, frozen)

    def tier_digest(self, name: str) -> str:
        """Names what a tag's cut points rest on: they are fitted anew when it changes."""
        return tier_digest(self.tags[name], self.plans[name], self.features)


def load_tags(
    source: Workspace | Iterable[Path], known: Catalogue | None = None, frozen: Frozen | None = None
) -> TagSet:
    """The tag set of a workspace, or of files.

    Args:
        source: A workspace (our tags and its own, its frozen cut points), or files and folders of TOML, those alone.
        known: The features that rules may read; the workspace's by default, or ours.
        frozen: Cut points; by default the workspace's, or none.

    Raises:
        SpecError: A definition is wrong: the message names file, tag and key, and what was probably meant.
        NotFoundError: No such file.
    """
    if isinstance(source, Workspace):
        groups = [[OURS], [source.tags] if source.tags.is_dir() else []]
        frozen = frozen or Frozen.read(source.tags)
    else:
        groups = [list(source)]
    tags: dict[str, Tag] = {}
    for group in groups:
        tags |= _read(group)
    known = known or (catalogue.of(source) if isinstance(source, Workspace) else catalogue.load())
    return tag_set(list(tags.values()), known.features, frozen)


def tag_set(tags: Sequence[Tag], known: Mapping[str, Feature], frozen: Frozen | None = None) -> TagSet:
    """Check definitions together, compile their rules, and put them in order.

    Args:
        tags: Definitions, names unique.
        known: Features by name.
        frozen: Cut points, if fitted.

    Raises:
        SpecError: An unknown name, a name twice, a cycle, a rule that cannot be read.
    """
    by_name = {tag.name: tag for tag in tags}
    for tag in tags:
        for name in (tag.name, *tag.tiers):
            if name in known or (name in tag.tiers and name in by_name):
                raise SpecError(
                    f"{tag.source}: tags.{tag.name}: {name!r} names a feature or tag already; take another name."
                )
    plans = {tag.name: _plan(tag, by_name, known) for tag in tags}
    ordered = {name: plans[name] for name in _order(plans, by_name)}
    read = {name: known[name] for plan in plans.values() for name in plan.features}
    return _frozen(by_name, ordered, read, frozen or Frozen())


def tier_digest(tag: Tag, plan: Plan, features: Mapping[str, Feature]) -> str:
    """SHA-256 of the tiers, the rule `among`, and the features that both read."""
    names = {tier.feature for tier in tag.tiers.values()} | set(plan.among.names if plan.among else ())
    parts = [sorted((name, repr(tier)) for name, tier in tag.tiers.items()), tag.among]
    return _sha([*parts, sorted((name, repr(features[name])) for name in names)])


def _frozen(tags: dict[str, Tag], plans: dict[str, Plan], features: dict[str, Feature], frozen: Frozen) -> TagSet:
    """The tag set with cut points, those of changed tiers left out."""
    current = {name: tier_digest(tag, plans[name], features) for name, tag in tags.items() if tag.tiers}
    kept = {name: cuts for name, cuts in frozen.cuts.items() if current.get(name) == cuts.digest}
    frozen = replace(frozen, cuts=kept)
    unassigned: dict[str, str] = {}
    for name, plan in plans.items():
        reason = _lacking(tags[name], plan, features, frozen) or next(
            (
                f"it reads the tag {other}, which is unassigned: {unassigned[other]}"
                for other in plan.tags
                if other in unassigned
            ),
            "",
        )
        if reason:
            unassigned[name] = reason
    definitions = {name: asdict(tag) | {"source": "", "examples": []} for name, tag in tags.items()}
    return TagSet(tags, plans, features, frozen, unassigned, _sha([definitions, frozen.to_json()]))


def _lacking(tag: Tag, plan: Plan, features: Mapping[str, Feature], frozen: Frozen) -> str:
    """Why nobody gets the tag, as far as the log tells; empty where somebody may."""
    if not tag.assigned:
        return f"its status is {tag.status}"
    for name in plan.features:
        missing = "" if name in tag.optional else frozen.lacking(features[name])
        if missing:
            return f"it reads {name}, and {missing}"
    if tag.tiers and tag.name not in frozen.cuts:
        return "its cut points have not been fitted: train, or score, once"
    if tag.tiers and not frozen.cuts[tag.name].tiers:
        return f"nobody was there to fit its cut points on ({tag.among or 'everybody'})"
    return ""


def _read(sources: Iterable[Path]) -> dict[str, Tag]:
    tags: dict[str, Tag] = {}
    for source in sources:
        if not source.exists():
            raise NotFoundError(f"There is no tag file or folder {source}.")
        for path in sorted(source.glob("*.toml")) if source.is_dir() else [source]:
            for tag in read_file(path):
                if tag.name in tags:
                    raise SpecError(
                        f"{path}: tags.{tag.name} is defined in {tags[tag.name].source} already; rename one."
                    )
                tags[tag.name] = tag
    return tags


def _plan(tag: Tag, tags: Mapping[str, Tag], known: Mapping[str, Feature]) -> Plan:
    """Compile a tag's rules."""
    where = f"{tag.source}: tags.{tag.name}"
    plain = {name: Name("text" if is_text(feature) else "number") for name, feature in known.items()}
    for key, tier in tag.tiers.items():
        _check_feature(tier, plain, f"{where}.tiers.{key}.feature")
    if tag.feature is not None and plain.get(tag.feature) != Name("text"):
        texts = [name for name in plain if plain[name].type == "text"]
        what = "is a number; a tag's value is a text" if tag.feature in plain else "is unknown"
        raise SpecError(f"{where}.feature = {tag.feature!r}: it {what}. {did_you_mean(tag.feature, texts)}")
    among = compile_rule(tag.among, plain, f"{where}.among") if tag.among else None
    others = {name: Name("text", tuple(other.places())) for name, other in tags.items()}
    names = plain | others | {name: Name("number") for name in tag.tiers}
    rules = tuple(
        None
        if value.rule is None or value.rule == OTHERWISE
        else compile_rule(value.rule, names, f"{where}.values.{value.name}.rule")
        for value in tag.values
    )
    read = [name for rule in (among, *rules) if rule is not None for name in rule.names]
    read += [tier.feature for tier in tag.tiers.values()] + ([tag.feature] if tag.feature else [])
    for name in tag.tiers:
        if name not in read:
            raise SpecError(f"{where}.tiers.{name}: no rule reads it; leave it out.")
    features = tuple(dict.fromkeys(name for name in read if name in plain))
    for name in tag.optional:
        if name not in features:
            raise SpecError(f"{where}.optional: no rule reads {name!r}. {did_you_mean(name, features)}")
    return Plan(
        among, rules, features, tuple(dict.fromkeys(name for name in read if name in tags and name not in tag.tiers))
    )


def _check_feature(tier: Tier, names: Mapping[str, Name], where: str) -> None:
    if names.get(tier.feature) != Name("number"):
        numbers = [name for name in names if names[name].type == "number"]
        raise SpecError(
            f"{where} = {tier.feature!r} is not a feature with numbers. {did_you_mean(tier.feature, numbers)}"
        )


def _order(plans: Mapping[str, Plan], tags: Mapping[str, Tag]) -> list[str]:
    """Names, each after those that it reads; definition order where free."""
    done: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise SpecError(
                f"{tags[name].source}: tags.{name}: its rules read each other in a circle: {circle}. Break it."
            )
        for other in plans[name].tags if name not in done else ():
            visit(other, (*path, name))
        done[name] = None

    for name in plans:
        visit(name, ())
    return list(done)


def _sha(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str, ensure_ascii=False).encode()).hexdigest()
