"""A small shop with a champion: an invented log, two small boosters trained on its own features."""

import lightgbm
import numpy as np
import pyarrow as pa

from features.catalogue import of as catalogue_of
from features.events import DAY, FIXED_POINT, HOUR
from features.log import EventLog
from features.matrix import evaluate, grid
from features.program import compile_program
from features.schema import EVENTS
from features.workspace import Facts, Workspace
from models.bundle import program_of, write
from models.calibration import Calibrator
from models.hazardmodel import PLACE, HazardModel, laid_out, uncorrected
from models.pointer import point
from models.scorer import TargetModel
from models.spec import default_specs
from serving.live import verify_champion

START = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z
DAYS = 240
END = START + DAYS * DAY
PATTERNS = ("*_count_30d", "*_age", "purchase_value_*", "active_days_*", "items_30d")
VISITS = ("view", "view", "view", "search", "view", "favorite", "cart", "purchase")


def shop_events(n_users, seed=0):
    """Events of users with different habits, some fading away: (rows ready for the log)."""
    rng = np.random.default_rng(seed)
    columns = {name: [] for name in ("user_id", "ts", "kind", "item", "category", "value", "channel")}
    for user in range(n_users):
        gap, depth = rng.gamma(2, 3) + 0.3, rng.integers(2, len(VISITS) + 1)
        ts, last = START + int(rng.uniform(0, 60) * DAY), END - int(rng.choice([0, 0, 60, 120]) * DAY)
        while ts < last:
            for step in range(rng.integers(1, depth + 1)):
                kind = VISITS[step]
                item = int(rng.integers(0, 60))
                columns["user_id"].append(f"用户{user}" if user % 7 == 0 else f"u{user}")
                columns["ts"].append(min(ts + step * HOUR // 40, END - 1))
                columns["kind"].append(kind)
                columns["item"].append(f"i{item}" if kind != "search" else None)
                columns["category"].append(f"c{item % 6}")
                columns["value"].append(int(rng.integers(10, 500)) * FIXED_POINT if kind == "purchase" else None)
                columns["channel"].append(("app", "web", None)[user % 3])
            ts += int(rng.exponential(gap) * DAY) + HOUR
    n = len(columns["ts"])
    columns |= {"event_id": [f"e{seed}-{place}" for place in range(n)], "source": [""] * n}
    return pa.table({name: pa.array(values, EVENTS.field(name).type) for name, values in columns.items()})


def make_log(home, n_users=200, seed=0):
    """A workspace with a log and no model."""
    workspace = Workspace.at(home, {})
    workspace.fix(Facts(timezone="Asia/Shanghai", currency="CNY", buckets=4))
    with workspace.writing("the test"):
        EventLog(workspace).append([shop_events(n_users, seed)], arrived_at=None)
    return workspace


def fit_model(target, names, matrix, labels, seed):
    """A small booster on the rows of the target's cohort."""
    rows = np.flatnonzero(target.eligible(matrix))
    y = labels[rows]
    if target.kind == "hazard":
        return fit_hazard(target, names, matrix.take(rows), y, seed)
    trained = tuple(np.unique(y).tolist())
    binary = len(trained) == 2
    params = {
        **({"objective": "binary"} if binary else {"objective": "multiclass", "num_class": len(trained)}),
        "num_leaves": 15, "num_threads": 1, "seed": seed, "verbosity": -1, "deterministic": True, "force_row_wise": True,
    }  # fmt: skip
    data = lightgbm.Dataset(
        matrix.take(rows).model_input(names, {}), np.searchsorted(trained, y), feature_name=list(names)
    )
    text = lightgbm.train(params, data, 30).model_to_string()
    rates = np.bincount(y, minlength=len(target.classes)) / len(y)
    return TargetModel(target, trained, names, {}, text, Calibrator("none", {}), rates)


def fit_hazard(target, names, matrix, labels, seed):
    """A small booster on the periods of a hazard's rows, each followed to its event."""
    n = len(target.recipe.edges)
    values = laid_out(matrix.model_input(names, {}), n)
    bucket, event = np.tile(np.arange(n), len(labels)), np.repeat(labels, n)
    seen = bucket <= event
    rates = np.bincount(labels, minlength=n + 1) / len(labels)
    hazards = np.clip([(labels == j).sum() / max(1, (labels >= j).sum()) for j in range(n)], 0.01, 0.99)
    baseline = np.log(hazards / (1 - hazards))
    params = {"objective": "binary", "num_leaves": 15, "num_threads": 1, "seed": seed, "verbosity": -1}
    data = lightgbm.Dataset(
        values[seen], (bucket == event)[seen], feature_name=[*names, PLACE], init_score=baseline[bucket[seen]]
    )
    text = lightgbm.train(params, data, 30).model_to_string()
    return HazardModel(target, names, {}, text, baseline, uncorrected(n), rates)


def make_bundle(workspace, version, seed=0, patterns=PATTERNS):
    """Train on three cutoffs, write `bundles/<version>`; its digest."""
    log, facts, catalogue = EventLog(workspace), workspace.facts, catalogue_of(workspace)
    specs = {spec.name: spec for spec in default_specs(workspace)}
    present = set(log.kinds())
    targets = {name: spec.target_for({}, present)[0] for name, spec in specs.items()}
    names = catalogue.select(patterns).names
    program = program_of(facts, catalogue, targets, workspace.features)
    histories = log.read_users([user for bucket in log.buckets() for user in log.user_ids(bucket).to_pylist()])
    histories = log.informed(histories, program.attributes)
    person, cutoff = grid(len(histories), [END - days * DAY for days in (90, 60, 31)])
    matrix = evaluate(program, histories, person, cutoff)
    questions = {key: one for target in targets.values() for key, one in target.questions.items()}
    forward = compile_program(
        questions, kinds=facts.kinds, retention_days=facts.retention_days, timezone=facts.timezone
    )
    answers = evaluate(forward, histories, person, cutoff)
    models = {name: fit_model(target, names, matrix, target.labels(answers), seed) for name, target in targets.items()}
    return write(
        workspace.bundles / version,
        facts=facts,
        catalogue=catalogue,
        models=models,
        specs={name: spec.text for name, spec in specs.items()},
        created=END,
    )


def make_shop(home, n_users=200):
    """A workspace whose champion is version 1."""
    workspace = make_log(home, n_users)
    point(workspace, "1", make_bundle(workspace, "1"), None)
    verify_champion(workspace)
    return workspace
