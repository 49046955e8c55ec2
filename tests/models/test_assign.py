"""Assignment: bands and tiers at their edges, persons of whom nothing is known, and a naive loop that must agree."""

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import DAY
from features.matrix import Matrix
from models.assign import Prediction, assign, bounds, predicted
from models.frozen import Cuts, Frozen
from models.hazard import Hazard
from models.tag import Reading, Value, Words
from models.tagframe import SCHEMA
from models.tags import OURS, load_tags
from models.targets import Target

NOW = 1_750_000_000_000_000
CUTS = {
    "rfm": {
        "recency": (5.0, 20.0, 60.0, 120.0),
        "frequency_tier": (1.0, 2.0, 4.0, 8.0),
        "amount": (20.0, 50.0, 100.0, 300.0),
    },
    "high_spending": {"ticket": (150.0,)},
    "gold_member": {"cumulative": (1000.0,)},
    "price_sensitive": {"bargain": (0.12,)},
    "loyal": {"repeat": (3.0,)},
}
STAGES = ("idle", "browsing", "considering", "buying")
RATES = {
    "stage_7d": np.array([0.6, 0.2, 0.1, 0.1]),
    "churn_30d": np.array([0.6, 0.4]),
    "next_purchase": np.array([0.1, 0.1, 0.2, 0.6]),
}
NEXT = Target("next_purchase", 90 * DAY, Hazard(("purchase",), (7, 30, 90), (7, 30, 90)))


def frozen_tags():
    tags = load_tags([OURS])
    return tags.with_frozen(Frozen({name: Cuts(5, 9, cut, tags.tier_digest(name)) for name, cut in CUTS.items()}))


TAGS = frozen_tags()


def invent(n, seed=0):
    """A matrix of n persons with plausible numbers, some missing; and what two models say."""
    rng = np.random.default_rng(seed)
    names = tuple(sorted(TAGS.features))
    values = np.asfortranarray(np.round(rng.gamma(0.7, 40, (n, len(names))), 1))
    texts = {}
    for place, name in enumerate(names):
        if "count" in name or "days_" in name or "abandoned" in name:
            values[:, place] = rng.poisson(rng.choice([0.3, 3.0, 9.0], n))
        if "discount_rate" in name:
            values[:, place] /= 100
        if "value_365d" in name:
            values[:, place] *= 8
        if "age" in name or "tenure" in name or "rate" in name or "mean" in name:
            values[rng.random(n) < 0.2, place] = np.nan
        if name in {"entry_channel", "entry_campaign", "favorite_category_90d"}:
            words = ("henan", "河南英语", "friend", "类1", "类2", None)
            texts[name] = pa.array([words[code] for code in rng.integers(0, 6, n)], pa.string())
            values[:, place] = np.nan
    matrix = Matrix(np.arange(n), np.full(n, NOW), names, values, texts)
    probabilities = {"stage_7d": rng.dirichlet([2, 1, 1, 1], n), "churn_30d": rng.dirichlet([2, 2], n)}
    probabilities["churn_30d"][rng.random(n) < 0.3] = np.nan
    probabilities["next_purchase"] = rng.dirichlet([1, 1, 1, 3], n)
    return matrix, probabilities, rng.random(n) < 0.9


def predictions_of(probabilities):
    stage = Prediction("stage_7d", STAGES, probabilities["stage_7d"], RATES["stage_7d"], "7")
    churn = Prediction("churn_30d", ("active", "churned"), probabilities["churn_30d"], RATES["churn_30d"], "7")
    coming = Prediction(
        NEXT.name,
        NEXT.classes,
        probabilities["next_purchase"],
        RATES["next_purchase"],
        "7",
        NEXT.readouts,
        NEXT.named_scores,
    )
    return {"stage": stage, "purchase_intent": stage, "churn_risk": churn, "buying_soon": coming}


def assigned(matrix, probabilities, known, only=None):
    return assign(TAGS, matrix, predictions_of(probabilities), known, NOW, "Asia/Shanghai", only)


def rows_of(frame, users):
    return [tuple(row.values()) for row in frame.to_table(users).to_pylist()]


# ── a naive loop, person by person, with the rules written out again in Python ───────────────────────────────────────


def tier(value, cuts, falling=False):
    if value is None:
        return None
    return 1 + sum(value < cut for cut in cuts) if falling else 1 + sum(value > cut for cut in cuts)


def by_hand(f, churn, known):
    """The values of one known person's rule and statistical tags: f reads a feature, None where missing."""

    def below(name, bound):
        return f(name) is not None and f(name) < bound

    def least(name, bound):
        return f(name) is not None and f(name) >= bound

    found = {}
    if not known:
        return found
    for value, holds in {
        "lost": f("activity_age") is None or f("activity_age") >= 90,
        "dormant": least("activity_tenure", 30) and least("activity_age", 30) and below("activity_age", 90),
        "active": least("activity_tenure", 30) and below("activity_age", 30),
        "new": below("activity_tenure", 30),
    }.items():
        if holds:
            found["lifecycle"] = value
    if least("purchase_count_365d", 1) and least("activity_age", 30):
        found["idle_customer"] = "yes"
    if f("purchase_age") is not None:
        shift = 8 * 3_600_000_000
        passed = (NOW + shift) // DAY - (NOW - round(f("purchase_age") * DAY) + shift) // DAY
        if passed in {1, 7, 21}:
            found["purchase_followup"] = f"t{passed}"
    if f("purchase_count_365d") > 0:
        cuts = CUTS["rfm"]
        r = tier(f("purchase_age"), cuts["recency"], falling=True)
        q = tier(f("purchase_days_365d"), cuts["frequency_tier"])
        m = tier(f("purchase_value_365d"), cuts["amount"])
        if r is not None:
            found["rfm"] = "high" if r + q + m >= 12 else "medium" if r + q + m >= 8 else "low"
        if least("purchase_value_mean_365d", np.nextafter(150, 200)) and f("purchase_days_365d") >= 2:
            found["high_spending"] = "yes"
        if f("purchase_value_365d") > 1000 and f("purchase_days_365d") >= 3:
            found["gold_member"] = "yes"
    if found.get("rfm") in {"high", "medium"} and churn is not None and churn >= 0.4 * 1.3:
        found["worth_keeping"] = "yes"
    found["frequency"] = (
        "high" if f("purchase_days_90d") >= 3 else "low" if f("purchase_count_365d") >= 1 else "potential"
    )
    bought = f("purchase_count_365d") > 0
    if bought and f("purchase_days_365d") >= 3 and least("discount_rate_365d", np.nextafter(0.12, 1)):
        found["price_sensitive"] = "yes"
    active = sum(f(f"{kind}_count_365d") for kind in ("refer", "share", "join", "review"))
    takes_part = f("purchase_days_90d") >= 4 or active >= 1
    if bought and least("purchase_tenure", 60) and f("purchase_days_365d") >= 4 and takes_part:
        found["loyal"] = "yes"
    if f("abandoned_7d") >= 1 and least("cart_age", 1):
        found["cart_abandoned"] = "yes"
    if f("entry_campaign") in {"henan", "河南英语"}:
        found["region"] = "henan"
    if f("entry_campaign") == "河南英语":
        found["course"] = "english"
    for tag, name in {"favourite_category": "favorite_category_90d", "acquisition_channel": "entry_channel"}.items():
        if f(name) is not None:
            found[tag] = f(name)
    return found


def test_a_naive_loop_agrees():
    matrix, probabilities, known = invent(3000)
    users = pa.array([f"u{n}" for n in range(3000)])
    frame = assigned(matrix, probabilities, known)
    got = {}
    for user, name, value, p, source, *_ in rows_of(frame, users):
        got.setdefault(user, {})[name] = (value, p, source)
    for n in range(3000):

        def read(name, n=n):
            if name in matrix.texts:
                return matrix.texts[name][n].as_py()
            number = matrix.column(name)[n]
            return None if np.isnan(number) else float(number)

        churn = probabilities["churn_30d"][n, 1]
        wanted = {
            name: (value, None, TAGS.tags[name].origin)
            for name, value in by_hand(read, None if np.isnan(churn) else churn, known[n]).items()
        }
        stage = probabilities["stage_7d"][n] if known[n] else RATES["stage_7d"]
        origin = "model:7" if known[n] else "base_rate:7"
        best = max(range(4), key=lambda c: stage[c])
        wanted["stage"] = (STAGES[best], stage[best], f"{origin}/stage_7d")
        intent = "low" if stage[3] < 0.05 else "medium" if stage[3] < 0.2 else "high"
        wanted["purchase_intent"] = (intent, stage[3], f"{origin}/stage_7d")
        if not known[n]:
            wanted["churn_risk"] = ("medium", 0.4, "base_rate:7/churn_30d")
        elif not np.isnan(churn):
            risk = "low" if churn < 0.8 * 0.4 else "medium" if churn < 1.3 * 0.4 else "high"
            wanted["churn_risk"] = (risk, churn, "model:7/churn_30d")
        coming = probabilities["next_purchase"][n] if known[n] else RATES["next_purchase"]
        soon = coming[0] + coming[1]
        chance = "low" if soon < 0.1 else "medium" if soon < 0.4 else "high"
        wanted["buying_soon"] = (chance, soon, f"{origin}/next_purchase")
        assert got[f"u{n}"] == wanted
    assert {name for tags in got.values() for name in tags} == set(TAGS.names)


# ── in any company ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_has_the_same_tags_alone_and_among_many():
    matrix, probabilities, known = invent(500, seed=1)
    users = pa.array([f"u{n}" for n in range(500)])
    together = rows_of(assigned(matrix, probabilities, known), users)
    alone = []
    for n in range(500):
        row = np.array([n])
        one = {name: p[row] for name, p in probabilities.items()}
        alone += rows_of(assigned(matrix.take(row), one, known[row]), users.take(pa.array(row)))
    assert together == alone


def test_only_some_tags_are_the_same_as_among_all():
    matrix, probabilities, known = invent(200, seed=2)
    users = pa.array([f"u{n}" for n in range(200)])
    everything = rows_of(assigned(matrix, probabilities, known), users)
    for name in TAGS.names:
        assert rows_of(assigned(matrix, probabilities, known, [name]), users) == [r for r in everything if r[1] == name]


def test_layers_are_disjoint_and_sum_to_the_base():
    matrix, probabilities, known = invent(2000, seed=3)
    for name in ("activity_age", "activity_tenure"):
        column = matrix.column(name)
        column[np.isnan(column)] = 50.0  # whoever is known has an event
    for block in assigned(matrix, probabilities, known, ["lifecycle", "frequency"]).blocks:
        assert block.person.tolist() == np.flatnonzero(known).tolist()
        assert set(np.unique(block.code)) == set(range(len(block.values)))


def test_a_tag_without_a_prediction_is_given_to_nobody_nor_what_reads_it():
    matrix, _, known = invent(2000)
    frame = assign(TAGS, matrix, {}, known, NOW, "Asia/Shanghai")
    names = {block.tag.name for block in frame.blocks if len(block)}
    assert names == set(TAGS.names) - {"stage", "purchase_intent", "churn_risk", "buying_soon", "worth_keeping"}


def test_nobody_and_nothing():
    matrix, probabilities, known = invent(5)
    none = np.empty(0, np.int64)
    frame = assigned(matrix.take(none), {name: p[none] for name, p in probabilities.items()}, known[none])
    assert frame.to_table(pa.array([], pa.string())).equals(SCHEMA.empty_table())
    assert assigned(matrix, probabilities, known, []).to_table(pa.array(list("abcde"))).equals(SCHEMA.empty_table())


def test_of_an_unknown_person_only_the_base_rates_are_told():
    matrix, probabilities, _ = invent(3)
    frame = assigned(matrix, probabilities, np.zeros(3, bool))
    table = frame.to_table(pa.array(["a", "b", "c"]))
    assert table["name"].to_pylist() == ["stage", "purchase_intent", "churn_risk", "buying_soon"] * 3
    assert table["value"].to_pylist() == ["idle", "medium", "medium", "medium"] * 3
    assert table["probability"].to_pylist() == [0.6, 0.1, 0.4, 0.2] * 3
    assert set(table["source"].to_pylist()) == {f"base_rate:7/{name}" for name in RATES}


def test_the_table_is_of_the_schema_and_expires_with_each_tag():
    matrix, probabilities, known = invent(50)
    table = assigned(matrix, probabilities, known).to_table(pa.array([f"u{n}" for n in range(50)]))
    assert table.schema.equals(SCHEMA)
    assert table.schema.names == ["user_id", "name", "value", "probability", "source", "computed_at", "expires_at"]
    computed, expires = (table[name].cast(pa.int64()).to_pylist() for name in ("computed_at", "expires_at"))
    assert set(computed) == {NOW}
    assert [e - NOW for e in expires] == [TAGS.tags[name].ttl for name in table["name"].to_pylist()]
    table.validate(full=True)


def test_a_hundred_thousand_persons_take_no_loop():
    matrix, probabilities, known = invent(100_000, seed=4)
    users = pa.array([f"u{n}" for n in range(100_000)])
    started = time.thread_time()
    table = assigned(matrix, probabilities, known).to_table(users)
    assert len(table) > 500_000
    assert time.thread_time() - started < 3.0


# ── bands ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def bands(*below):
    return tuple(Value(f"v{n}", Words("值", "v"), None, bound) for n, bound in enumerate((*below, None)))


TIMES = Reading(("churn_30d",), "bands", "churned", "base_rate")
PLAIN = Reading(("churn_30d",), "bands", "churned", "probability")


@pytest.mark.parametrize(
    ("below", "rate", "wanted"),
    [
        ((0.8, 1.3), 0.2, [0.16, 0.26]),
        ((0.8, 1.3), 0.6, [0.48, 0.78]),
        ((0.8, 1.3), 0.9, [0.72, 0.95]),  # 1.17 is out of reach: halfway from 0.9 to 1
        ((0.5, 2.0), 0.4, [0.2, 0.7]),  # so is 0.8 beyond 0.7
        ((1.5, 3.0), 0.5, [0.5625, 0.75]),  # drawn in by one factor, so that the order stays
        ((0.8,), 0.3, [0.24]),
        ((), 0.3, []),
    ],
)
def test_multiples_of_the_base_rate_stay_within_reach(below, rate, wanted):
    assert bounds(bands(*below), TIMES, rate).tolist() == pytest.approx(wanted, abs=1e-12)


@given(st.floats(0.001, 0.999), st.lists(st.floats(0.01, 50), min_size=1, max_size=5, unique=True))
def test_every_band_can_be_reached(rate, below):
    found = bounds(bands(*sorted(below)), TIMES, rate)
    assert ((found > 0) & (found < 1)).all()
    assert (np.diff(found) >= 0).all()


def test_a_probability_at_a_bound_is_in_the_upper_band():
    tag = TAGS.tags["churn_risk"]
    p = np.array([np.nextafter(0.16, 0), 0.16, np.nextafter(0.26, 0), 0.26, 1.0, 0.0])
    said = Prediction("churn_30d", ("active", "churned"), np.column_stack([1 - p, p]), np.array([0.8, 0.2]), "1")
    block = predicted(tag, tag.reading, said, np.ones(6, bool))
    edges = bounds(tag.values, tag.reading, 0.2)
    assert [block.values[code] for code in block.code] == [
        "low" if x < edges[0] else "medium" if x < edges[1] else "high" for x in p
    ]
    assert edges == pytest.approx([0.16, 0.26])
    assert bounds(bands(0.16), PLAIN, 0.5).tolist() == [0.16]


def test_of_equally_probable_stages_the_earlier_counts():
    tag = TAGS.tags["stage"]
    p = np.array([[0.25] * 4, [0.1, 0.4, 0.1, 0.4], [0.0, 0.0, 0.0, 1.0]])
    block = predicted(tag, tag.reading, Prediction("stage_7d", STAGES, p, RATES["stage_7d"], "1"), np.ones(3, bool))
    assert [block.values[code] for code in block.code] == ["idle", "browsing", "buying"]
    assert block.probability.tolist() == [0.25, 0.4, 1.0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 4.0, 8.0, 9.0, np.nan]), min_size=1, max_size=30))
def test_tiers_are_counted_from_cut_points_strictly_passed(values):
    matrix, probabilities, _ = invent(len(values))
    matrix.column("purchase_days_365d")[:] = values
    matrix.column("purchase_count_365d")[:] = 1
    matrix.column("purchase_age")[:] = 1.0
    matrix.column("purchase_value_365d")[:] = 10.0
    (block,) = assigned(matrix, probabilities, np.ones(len(values), bool), ["rfm"]).blocks
    got = dict(zip(block.person.tolist(), [block.values[code] for code in block.code], strict=True))
    for n, value in enumerate(values):
        total = None if np.isnan(value) else 5 + 1 + tier(value, CUTS["rfm"]["frequency_tier"])
        assert got.get(n) == (None if total is None else "high" if total >= 12 else "medium" if total >= 8 else "low")
