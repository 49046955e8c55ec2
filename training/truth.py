"""A model against the best possible one, where a simulated shop's truth is at hand.

`truth.parquet` holds, for every user and Monday, the exact probabilities given what was observed before: no model can do
better. The attainable gain is the way from the base rate's log loss to theirs.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError, NotFoundError
from features.hashing import hash128
from features.log import EventLog
from features.matrix import evaluate, grid
from features.program import compile_program
from features.progress import track
from features.workspace import Workspace
from models import bundle
from models.targets import Target

from .metrics import calibration_error, losses
from .registry import connect


def compare(
    target: Target,
    truth: Path,
    labels: np.ndarray,
    p: np.ndarray,
    rate: np.ndarray,
    users: np.ndarray,
    cutoff: np.ndarray,
) -> dict[str, Any] | None:
    """One target's rows against the truth.

    Args:
        target: What was foreseen.
        truth: The simulation's `truth.parquet`.
        labels: (r,) int64 class of the target.
        p: (r, c) the model's probabilities of all the target's classes.
        rate: (c,) the classes' shares among training's rows.
        users: (r,) int64 second half of the person's hash.
        cutoff: (r,) int64 microseconds UTC.

    Returns:
        `base_log_loss`, `model_log_loss`, `best_log_loss`, `share` of the attainable gain, on the `rows` that the truth has;
        `ece` there, and `distance`, the mean of |p - truth| over rows and classes. None where the truth does not know the
        target.

    Raises:
        NotFoundError: No such file.
        InputError: It is no truth, or of another shop.
    """
    check(truth)
    try:
        there = pq.ParquetFile(truth)
        if not set(target.columns) <= set(there.schema_arrow.names):
            return None
        table = there.read(columns=["user_id", "cutoff", *target.columns])
    except (pa.ArrowInvalid, KeyError) as error:
        raise InputError(f"{truth} is no truth.parquet of `intently simulate`: {error}.") from error
    rows = pa.table({"user": users, "cutoff": cutoff, "row": np.arange(len(users))})
    both = rows.join(keyed(table), ["user", "cutoff"], join_type="inner").sort_by("row")
    if not len(both):
        raise InputError(
            f"{truth} has none of the {len(users):,} test rows: it is the truth of another shop, or of another time."
        )
    best = np.column_stack([both[name].to_numpy() for name in target.columns])
    exact = np.column_stack([1 - best, best]) if target.binary else best
    place = both["row"].to_numpy()
    y, q = labels[place], p[place]
    base, model, limit = (float(losses(y, z).mean()) for z in (np.tile(rate, (len(y), 1)), q, exact))
    return {
        "base_log_loss": base,
        "model_log_loss": model,
        "best_log_loss": limit,
        "share": (base - model) / (base - limit) if base > limit else None,
        "ece": calibration_error(y, q),
        "distance": float(np.abs(q - exact).mean()),
        "rows": len(y),
    }


def check(truth: Path) -> None:
    """Refuse early.

    Raises:
        NotFoundError: No such file.
    """
    if not truth.is_file():
        raise NotFoundError(f"There is no file {truth}. `intently simulate` writes truth.parquet beside the events.")


def keyed(table: pa.Table) -> pa.Table:
    """The truth with persons as hashes and cutoffs as integers."""
    ids = table["user_id"].combine_chunks()
    ids = ids if pa.types.is_dictionary(ids.type) else ids.dictionary_encode()
    person = hash128(ids.dictionary)[1][ids.indices.to_numpy()]
    columns = {name: table[name] for name in table.column_names if name not in {"user_id", "cutoff"}}
    return pa.table({"user": person, "cutoff": table["cutoff"].cast(pa.int64()), **columns})


def attainable(
    workspace: Workspace, version: str, truth: Path, *, tracking_uri: str | None = None
) -> dict[str, dict[str, Any]]:
    """A version's targets against the truth, on all persons eligible at their test cutoffs.

    Args:
        workspace: Its log has the simulated events.
        version: Registered.
        truth: The simulation's `truth.parquet`.
        tracking_uri: MLflow's store; default as `Workspace.tracking_uri`.

    Returns:
        Target to what `compare` says; targets that the truth does not know are left out.
    """
    loaded = bundle.load(*connect(workspace, tracking_uri).bundle(version))
    log, facts = EventLog(workspace), workspace.facts
    out = {}
    for name, model in loaded.models.items():
        cutoffs = loaded.about["lineage"]["test_cutoffs"][name]
        if not cutoffs:  # a base rate has none
            continue
        questions = compile_program(
            model.target.questions, kinds=facts.kinds, retention_days=facts.retention_days, timezone=facts.timezone
        )
        gathered = []
        for bucket in track(f"Comparing {name}", log.buckets()):
            histories = log.read(bucket, loaded.program.fields | questions.fields, loaded.program.texts)
            histories = log.informed(histories, loaded.program.attributes)
            rows = grid(len(histories), cutoffs)
            known = evaluate(loaded.program, histories, *rows)
            p = model.predict(known)
            inside = ~np.isnan(p[:, 0])
            labels = model.target.labels(evaluate(questions, histories, *rows), known)
            gathered.append((labels[inside], p[inside], hash128(histories.users)[1][rows[0][inside]], rows[1][inside]))
        labels, p, users, cutoff = (np.concatenate(column) for column in zip(*gathered, strict=True))
        found = compare(model.target, truth, labels, p, model.base_rates, users, cutoff)
        if found is not None:
            out[name] = found
    return out
