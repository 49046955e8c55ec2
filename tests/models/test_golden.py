"""Golden rows: nobody's, complete, the same bytes for the same seed, and apt to notice another model."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import DamagedError
from features.events import DAY, KINDS, NULL
from models import golden
from models.bundle import Bundle
from models.calibration import Calibrator
from models.hazardmodel import HazardModel, laid_out


def test_invented_histories_cover_what_can_occur() -> None:
    histories = golden.invent(len(KINDS) + 2, 0, {"category": ["tea"]})
    sizes = np.diff(histories.offsets)
    assert sizes[0] == 0
    assert sizes[1] == 1
    assert sizes.max() == golden.HEAVY
    assert set(histories.kind.tolist()) == set(range(len(KINDS) + 2))
    assert all(name.startswith("golden-") for name in histories.users.to_pylist())
    assert "tea" in histories.coded["category"].values.to_pylist()
    ago = golden.NOW - histories.ts
    assert ago.min() < 0  # after the instant
    assert ago.max() > 400 * DAY  # beyond RETENTION
    assert histories.arrived is not None
    assert ((histories.ts < golden.NOW) & (histories.arrived >= golden.NOW)).any()  # happened, not yet known
    assert all((column == NULL).any() for column in histories.numbers.values())
    for person in range(len(histories)):
        assert (np.diff(histories.ts[histories.offsets[person] : histories.offsets[person + 1]]) >= 0).all()


def test_codes_count_from_zero_in_order_of_first_appearance() -> None:
    histories = golden.invent(len(KINDS), 4, {})
    for field in histories.coded.values():
        for person in range(len(histories)):
            own = field.codes[histories.offsets[person] : histories.offsets[person + 1]]
            seen = list(dict.fromkeys(own[own >= 0].tolist()))
            assert seen == list(range(field.offsets[person + 1] - field.offsets[person]))


def test_bytes_are_the_same_for_the_same_rows_and_give_them_back(bundle: Bundle) -> None:
    data = golden.to_bytes(bundle.golden)
    again = golden.from_bytes(data)
    assert golden.to_bytes(again) == data
    assert again.histories.users == bundle.golden.histories.users
    assert again.texts == bundle.golden.texts
    np.testing.assert_array_equal(again.values, bundle.golden.values)
    made = golden.make(bundle.program, len(bundle.facts.kinds), bundle.models)
    assert golden.to_bytes(made) == data


def test_rows_are_in_and_out_of_the_cohorts(bundle: Bundle) -> None:
    for scores in bundle.golden.scores.values():
        outside = np.isnan(scores).any(axis=1)
        assert 0 < outside.sum() < len(outside)
    for probed in bundle.golden.probed.values():
        assert np.isfinite(probed).all()


def test_rows_and_probes_reach_most_leaves(bundle: Bundle) -> None:
    rows = bundle.golden
    matrix = golden.read(bundle.program, rows.histories, golden.NOW)
    probes = golden.probes_of(rows.names, rows.values, rows.texts, rows.shuffles)
    for model in bundle.models.values():
        parts = [part.model_input(model.names, model.vocabularies) for part in (matrix, probes)]
        if isinstance(model, HazardModel):
            parts = [laid_out(part, len(model.baseline)) for part in parts]
        booster = model._trees.booster
        leaves = np.vstack([np.asarray(booster.predict(part, pred_leaf=True)) for part in parts])
        there = sum(tree["num_leaves"] for tree in booster.dump_model()["tree_info"])
        reached = sum(len(np.unique(column)) for column in leaves.T)
        assert reached >= 0.8 * there


def test_a_sound_bundle_answers_alike(bundle: Bundle) -> None:
    golden.check(bundle.golden, bundle.program, bundle.models)


@pytest.mark.parametrize("target", ["churn_30d", "stage_7d"])
def test_another_calibrator_is_noticed(bundle: Bundle, target: str) -> None:
    model = replace(bundle.models[target], calibrator=Calibrator("temperature", {"temperature": 1.0000001}))
    with pytest.raises(DamagedError, match=f"target {target} answers otherwise"):
        golden.check(bundle.golden, bundle.program, bundle.models | {target: model})


def test_another_vocabulary_is_noticed(bundle: Bundle) -> None:
    model = bundle.models["stage_7d"]
    turned = {name: {w: (c + 1) % len(v) for w, c in v.items()} for name, v in model.vocabularies.items()}
    with pytest.raises(DamagedError, match="target stage_7d"):
        golden.check(bundle.golden, bundle.program, {"stage_7d": replace(model, vocabularies=turned)})


def test_another_feature_is_noticed(bundle: Bundle) -> None:
    rows = replace(bundle.golden, values=np.where(bundle.golden.values == 3, 4, bundle.golden.values))
    with pytest.raises(DamagedError, match=r"feature \w+ answers otherwise .* \(by up to 1\)"):
        golden.check(rows, bundle.program, bundle.models)
    name = next(iter(bundle.golden.texts))
    rows = replace(bundle.golden, texts=bundle.golden.texts | {name: ["?"] * golden.PERSONS})
    with pytest.raises(DamagedError, match=f"feature {name} answers other texts"):
        golden.check(rows, bundle.program, bundle.models)
    with pytest.raises(DamagedError, match="other features"):
        golden.check(replace(bundle.golden, names=bundle.golden.names[::-1]), bundle.program, bundle.models)
