"""What each part is worth: log loss without it less log loss with it, paired, on the same test rows; above 0 it helps."""

from dataclasses import replace

import numpy as np
from bench_shops import delayed, ingested, real, simulated

from models.spec import HERE, load
from training.calibrate import choose
from training.dataset import build, growing
from training.fit import Rows, fit
from training.learn import on_classes
from training.metrics import difference, losses
from training.resample import draw
from training.split import split

CUTOFFS = (1, 4, 12)
DRAWS = 1000


def gathered(shop, spec):
    """Split and dataset of a direct target."""
    target, _ = spec.target_for(shop.config, shop.kinds)
    made = split(spec.split, target.horizon, shop.start, shop.end, shop.facts.timezone)
    chosen = shop.catalogue.select(spec.features)
    data = build(shop.log, shop.facts, chosen, target, made, spec.split.max_rows)
    families = [chosen.entries[name].family for name in data.names]
    places = tuple(np.unique(data.parts["train"].labels).tolist())
    return made, replace(data, parts={n: on_classes(p, places) for n, p in data.parts.items()}), families


def foretold(spec, made, data, columns, asked, newest=None):
    """Uncalibrated and calibrated probabilities of the rows `asked` (a part), learned with some columns and cutoffs."""
    train, held_out = data.parts["train"], data.parts["calibrate"]
    kept = np.isin(train.cutoff, made.train[-newest:] if newest else made.train)
    cutoff, users = train.cutoff[kept], train.users[kept]
    grow, stop = growing(users, cutoff, replace(made, grow=(), stop=()) if newest else made)
    names = [data.names[i] for i in columns]
    grown = fit(
        Rows(train.values[kept][:, columns], train.labels[kept]),
        grow,
        stop,
        names,
        [name for name in names if name in data.vocabularies],
        int(train.labels.max()) + 1,
        spec.params,
        rounds=spec.rounds,
        patience=spec.patience,
        seed=0,
        label="Growing",
    )
    mended = choose(
        held_out.labels, grown.predict(held_out.values[:, columns]), held_out.users, spec.calibration, 0
    ).calibrator
    plain = grown.predict(asked.values[:, columns])
    return plain, mended.apply(plain)


def ablate(shop, spec, families=True):
    """Rows, log loss of the whole, and what is lost without each part."""
    made, data, kinds = gathered(shop, spec)
    test = data.parts["test"]
    draws = draw(test.users, DRAWS, 0)
    every = list(range(len(data.names)))
    plain, whole = foretold(spec, made, data, every, test)
    out = {"rows": len(test.labels), "log_loss": float(losses(test.labels, whole).mean()), "without": {}}

    def add(name, p):
        out["without"][name] = difference(test.labels, p, whole, draws)

    add("calibration", plain)
    for n in [n for n in CUTOFFS if n < len(made.train)]:
        add(f"all but {n} of {len(made.train)} training cutoffs", foretold(spec, made, data, every, test, n)[1])
    for family in sorted(set(kinds)) if families else ():
        columns = [i for i in every if kinds[i] != family]
        if columns:
            add(f"family {family} ({len(every) - len(columns)} columns)", foretold(spec, made, data, columns, test)[1])
    return out


def arrivals(users, seed, folder, spec):
    """What learning from features that ignore arrival costs when it comes to serving, which can see only what has arrived.

    Purchases of a simulated shop come to be known up to a week late. One model learns from rows that saw what had arrived;
    the other from rows of the same log without times of arrival. Both answer for the same honest test rows.
    """
    _, made = simulated(users, seed, folder)
    place = folder / f"late-{users}-{seed}"
    shops = {}
    for name, known in (("honest", True), ("blind", False)):
        if not (place / name).exists():
            delayed(made, place / name, known=known)
        shops[name] = ingested(place / f"home-{name}", place / name, "canonical", "UTC")
    found = {name: gathered(shop, spec) for name, shop in shops.items()}
    both = [name for name in found["honest"][1].names if name in found["blind"][1].names]
    p, asked = {}, found["honest"][1].parts["test"]

    def columns(name):
        return [found[name][1].names.index(column) for column in both]

    asked = replace(asked, values=asked.values[:, columns("honest")])
    for name, (cutoffs, data, _) in found.items():
        parts = {n: replace(part, values=part.values[:, columns(name)]) for n, part in data.parts.items()}
        plain = replace(data, names=tuple(both), parts=parts)
        p[name] = foretold(spec, cutoffs, plain, list(range(len(both))), asked)[1]
        if name == "blind":
            own = parts["test"]
            promised = losses(own.labels, foretold(spec, cutoffs, plain, list(range(len(both))), own)[1]).mean()
    gap = difference(asked.labels, p["blind"], p["honest"], draw(asked.users, DRAWS, 0))
    return {
        "rows": len(asked.labels),
        "log_loss": float(losses(asked.labels, p["honest"]).mean()),
        "without": {"arrival-time honesty (purchases up to 7 days late)": gap},
        "promised": float(promised),
    }


def studies(users, seed, folder):
    """What is ablated to how, as functions of nothing."""
    churn, stage = load(HERE / "churn_30d.toml"), load(HERE / "stage_7d.toml")
    own = load(HERE / "complete-journey" / "churn_30d.toml")
    return {
        "Complete Journey, `churn_30d`": lambda: ablate(real("complete-journey", folder), own),
        f"simulated, {users:,} users, `churn_30d`": lambda: ablate(simulated(users, seed, folder)[0], churn),
        f"simulated, late, {users:,} users, `churn_30d`": lambda: arrivals(users, seed, folder, churn),
        f"simulated, {users:,} users, `stage_7d`": lambda: ablate(
            simulated(users, seed, folder)[0], stage, families=False
        ),
    }


def table(found):
    """Lines of Markdown."""
    lines = []
    for what, one in found.items():
        lines += [
            f"\n**{what}** ({one['rows']:,} rows, log loss {one['log_loss']:.4f})\n",
            "| without | lost (95 %) |",
            "|---|---|",
        ]
        lines += [
            f"| {name} | {gap['value']:+.4f} ({gap['low']:+.4f}, {gap['high']:+.4f}) |"
            for name, gap in one["without"].items()
        ]
        if "promised" in one:
            lines.append(
                f"\nThe model that ignores arrival promises {one['promised']:.4f} on rows that ignore it as well."
            )
    return lines
