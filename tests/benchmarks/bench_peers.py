"""Ours beside what a shop would try first, on the same rows: BG/NBD, recency, RFM logistic regression, XGBoost as it comes.

Every peer but the base rate is calibrated on the calibration rows by the same choice as ours; of XGBoost and BG/NBD both is
shown, as they come and calibrated. Differences in log loss are paired, with a bootstrap over persons; below 0 ours is better.
"""

from dataclasses import replace

import numpy as np
from bench_shops import real
from bg_nbd import forecast

from features.events import DAY
from models.spec import HERE, TRIED, load
from training import hazard
from training.calibrate import choose
from training.dataset import build
from training.learn import learn, on_classes
from training.metrics import difference, losses
from training.periods import followed
from training.resample import draw
from training.split import followed as followed_split
from training.split import split

DRAWS = 1000
NEXT_DAY = """
[target]
name = "buy_1d"
kind = "binary"
horizon = "1d"
[title]
zh = "明天购买"
en = "Buys within a day"
[outcome]
kinds = ["purchase"]
"""


def compared(labels, ours, peers, users, seed=0):
    """Log losses, and ours less each peer's."""
    draws = draw(users, DRAWS, seed)
    return {
        "rows": len(labels),
        "persons": len(np.unique(users)),
        "model": float(losses(labels, ours).mean()),
        "peers": {
            name: {"log_loss": float(losses(labels, p).mean()), "difference": difference(labels, ours, p, draws)}
            for name, p in peers.items()
        },
    }


def boosted(train, n_classes, calibrate, test):
    """XGBoost with nothing set but the seed and the number of threads: probabilities of two matrices."""
    from xgboost import XGBClassifier

    model = XGBClassifier(random_state=0, n_jobs=1).fit(train.values, train.labels)
    assert model.n_classes_ == n_classes
    return model.predict_proba(calibrate.values), model.predict_proba(test.values)


def mended(labels, p, users, other):
    """`other` calibrated as `p` needs it."""
    return choose(labels, p.astype(float), users, TRIED, 0).calibrator.apply(other.astype(float))


def two(p):
    """(r,) of yes to (r, 2)."""
    return np.column_stack([1 - p, p])


def direct(shop, spec):
    """A direct target beside its peers; BG/NBD where it asks whether somebody buys."""
    learned = learn(shop, spec)
    target, _ = spec.target_for(shop.config, shop.kinds)
    made = split(spec.split, target.horizon, shop.start, shop.end, shop.facts.timezone)
    data = build(shop.log, shop.facts, shop.catalogue.select(spec.features), target, made, spec.split.max_rows)
    places = tuple(np.unique(data.parts["train"].labels).tolist())
    parts = {name: on_classes(part, places) for name, part in data.parts.items()}
    test = learned.test
    assert (parts["test"].users == test.users).all()
    assert (parts["test"].cutoff == test.cutoff).all()
    peers = dict(test.baselines)
    boost(peers, parts, len(places))
    if target.binary:
        bayes(peers, shop, parts, target.horizon // DAY, churn=target.classes[-1] == "churned")
    return compared(test.labels, test.model, peers, test.users)


def next_purchase(shop, spec):
    """The hazard's P(buy within 30 days) beside its peers, on the rows followed so long."""
    learned = hazard.learn(shop, spec)
    target, _ = spec.target_for(shop.config, shop.kinds)
    kept = hazard.recipe_of(target).up_to(shop.facts.retention_days)
    made, edges = followed_split(spec.split, kept.edges, shop.start, shop.end, shop.facts.timezone)
    target = replace(target, horizon=edges[-1] * DAY, recipe=kept.up_to(edges[-1]))
    data = build(shop.log, shop.facts, shop.catalogue.select(spec.features), target, made, spec.split.max_rows)
    days = hazard.horizon_of(hazard.recipe_of(target), spec.split.gap)
    n = edges.index(days) + 1
    until = {"train": made.calibrate[0], "calibrate": made.test[0], "test": shop.end}
    parts = {}
    for name, part in data.parts.items():
        rows = hazard.whole(part, followed(part.cutoff, until[name], edges), n)
        parts[name] = replace(rows, labels=(rows.labels < n).astype(np.int64))
    test = learned.test
    assert (parts["test"].labels == test.labels).all()
    peers = dict(test.baselines)
    boost(peers, parts, 2)
    bayes(peers, shop, parts, days, churn=False)
    return compared(test.labels, test.model, peers, parts["test"].users)


def boost(peers, parts, n_classes):
    """Add XGBoost, as it comes and calibrated."""
    held_out, p = boosted(parts["train"], n_classes, parts["calibrate"], parts["test"])
    peers["XGBoost"] = p.astype(float)
    peers["XGBoost, calibrated"] = mended(parts["calibrate"].labels, held_out, parts["calibrate"].users, p)


def bayes(peers, shop, parts, days, *, churn):
    """Add BG/NBD, as it comes and calibrated."""
    yes = parts["train"].labels.mean()
    found = {}
    for name in ("calibrate", "test"):
        p = forecast(shop, parts[name].users, parts[name].cutoff, days, 1 - yes if churn else yes)
        found[name] = two(1 - p if churn else p)
    peers["BG/NBD"] = found["test"]
    part = parts["calibrate"]
    peers["BG/NBD, calibrated"] = mended(part.labels, found["calibrate"], part.users, found["test"])


def specs_of(data, folder):
    """Name and spec of what is compared on a data set."""
    own = HERE / data
    if data == "taobao":
        stage = load(own / "stage_1d.toml")
        text = (own / "stage_1d.toml").read_text()
        path = folder / "buy_1d.toml"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text.splitlines()[3] + NEXT_DAY + text[text.index("\n[split]") :])
        return {"stage_1d": stage, "buy_1d": load(path)}
    hazards = own / "next_purchase.toml"
    return {
        "churn_30d": load(own / "churn_30d.toml"),
        "next_purchase": load(hazards if hazards.exists() else HERE / "next_purchase.toml"),
    }


def studies(data, folder):
    """Target to what compares it, a function of nothing."""
    return {
        name: lambda spec=spec: (next_purchase if spec.target.kind == "hazard" else direct)(real(data, folder), spec)
        for name, spec in specs_of(data, folder).items()
    }


def table(data, found):
    """Lines of Markdown."""
    lines = []
    for target, figures in found.items():
        lines += [
            (
                f"\n**{data}, `{target}`** ({figures['rows']:,} rows of {figures['persons']:,} persons): log loss "
                f"{figures['model']:.4f}\n"
            ),
            "| beside | log loss | ours − its (95 %) |",
            "|---|---|---|",
        ]
        for name, peer in figures["peers"].items():
            gap = peer["difference"]
            lines.append(
                f"| {name} | {peer['log_loss']:.4f} | {gap['value']:+.4f} ({gap['low']:+.4f}, {gap['high']:+.4f}) |"
            )
    return lines
