"""From an event log to a registered version: learn each target, then store all that was learned at once.

Learning reads one snapshot of the log and writes nothing; only storing takes the writer's lock, for seconds. A training is a
function of the log's version, the specs and the code: the same three give the same models, to the byte.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from features import catalogue
from features.errors import InputError, NotReadyError, TooLittleDataError, UserError
from features.instants import to_iso
from features.log import EventLog
from features.workspace import Workspace
from models.cutpoints import ensure
from models.period import over
from models.spec import Spec, default_specs, load_specs

from . import baserate, hazard, interest
from .champion import champions
from .learn import Learned, Shop, learn
from .origins import remarks, rolling
from .proposal import propose, told
from .record import record
from .registry import connect
from .split import span_of
from .sufficiency import error_of
from .timing import beside
from .truth import check, compare


def train(
    workspace: Workspace,
    spec_paths: Sequence[Path] | None,
    *,
    tracking_uri: str | None = None,
    seed: int = 0,
    until: int | None = None,
    weeks: int | None = None,
    horizon: int | None = None,
    origins: int = 1,
    now: int,
    truth: Path | None = None,
) -> dict[str, Any]:
    """Train a model a target, measure them, and register them as one version.

    Args:
        workspace: Whose log.
        spec_paths: Spec files; None for the workspace's own, else ours.
        tracking_uri: MLflow's store; default as `Workspace.tracking_uri`.
        seed: The same seed gives the same models.
        until: Microseconds UTC; later events are not used, neither as history nor as outcome.
        weeks: Weeks of training cutoffs, instead of what the specs say.
        horizon: Microseconds to look ahead, instead of what the specs say; see `models.period.over`.
        origins: Number of rolling origins that each target is judged at, see `origins.rolling`.
        now: Microseconds UTC, for names and dates.
        truth: A simulated shop's `truth.parquet`, to compare with the best possible model.

    Returns:
        What `intently train` prints: `version`, `run_id`, `targets`, `proposal`, `notes`.

    Raises:
        UserError: No target could be trained; of the first target's kind, with every target's reason.
        NotReadyError: Nothing was ingested, or MLflow does not answer.
    """
    specs, changed = over(load_specs(spec_paths) if spec_paths else default_specs(workspace), horizon, weeks)
    if truth is not None:
        check(truth)
    shop = shop_of(workspace, seed, until)
    registry = connect(workspace, tracking_uri)
    proposal = propose(shop.log, shop.facts.kinds, shop.end)
    learned, errors = learn_all(shop, specs, origins)
    if not learned:
        first = next(iter(errors.values()))
        raise type(first)(" ".join(error.message for error in errors.values()))
    targets = {one.model.target.name: one.to_json() for one in learned}
    if truth is not None:
        for one in learned:
            found = against(one, truth)
            if found is not None:
                targets[one.model.target.name]["truth"] = found
    targets |= {name: {"error": error_of(error)} for name, error in errors.items()}
    result = {"targets": {spec.name: targets[spec.name] for spec in specs}, "proposal": proposal}
    with workspace.writing("intently train"):
        notes = [*changed, *told(proposal, specs), *registry.tidy()]
        failed = {name: error.message for name, error in errors.items()}
        version, run = record(registry, shop, learned, failed, result, now)
    ensure(workspace, look_again=True)  # so that the tags know the kinds that the log has by now
    return {"version": version, "run_id": run, **result, "notes": notes, "tracking_uri": registry.uri}


def shop_of(workspace: Workspace, seed: int, until: int | None) -> Shop:
    """What all targets share.

    Raises:
        NotReadyError: There are no events.
        InputError: `until` lies before the log.
    """
    facts, log = workspace.facts, EventLog(workspace)
    if not log.exists:
        raise NotReadyError(f"The log of {workspace.home} has no events yet. `intently ingest` some first.")
    start, end = span_of(log, until)
    if end <= start:
        first, last = to_iso(start), to_iso(log.last_ts)
        raise InputError(
            f"The log has nothing before {to_iso(end)}: it goes from {first} to {last}. Choose a later --until."
        )
    return Shop(log, facts, workspace.config, catalogue.of(workspace), log.kinds(), start, end, seed)


def learn_all(shop: Shop, specs: Sequence[Spec], origins: int = 1) -> tuple[list[Learned], dict[str, UserError]]:
    """What could be learned, and why the rest could not."""
    learned, errors = [], {}
    for spec in specs:
        try:
            learned.append(learn_one(shop, spec, origins))
        except UserError as error:
            errors[spec.name] = error
    return champions(beside(learned, shop.seed), shop.seed), errors


def learn_one(shop: Shop, spec: Spec, origins: int) -> Learned:
    """A target's model, or its base rate where there is too little data for one.

    Raises:
        TooLittleDataError: The log has nothing that the target could be seen by.
    """
    by = {"hazard": hazard.learn, "interest": interest.learn}.get(spec.target.kind, learn)
    try:
        one = by(shop, spec)
    except TooLittleDataError as why:
        return baserate.learn(shop, spec, why)
    if origins > 1:
        found = rolling(shop, spec, one, origins, by)
        one = replace(one, origins=found, notes=(*one.notes, *remarks(found)))
    return one


def against(one: Learned, truth: Path) -> dict[str, Any] | None:
    """A learned target against the truth, on its test rows; None where it has none, or the truth does not know it."""
    test, model = one.test, one.model
    if not len(test.users):
        return None
    return compare(model.target, truth, test.outcome, test.full, model.base_rates, test.users, test.cutoff)
