"""One score's trees: explained as LightGBM explains them among all; and where they are split."""

import lightgbm
import numpy as np
import pytest

from models.trees import Trees, of_score

from .conftest import NAMES, VOCABULARY, matrix_of


@pytest.fixture(params=[2, 3, 4])
def trees(request: pytest.FixtureRequest, texts: dict[int, str]) -> Trees:
    return Trees(texts[request.param], NAMES, 1 if request.param == 2 else request.param)


def rows(n: int = 80) -> np.ndarray:
    return matrix_of(n, seed=9).model_input(NAMES, {"favorite_category": VOCABULARY})


def test_a_scores_own_trees_explain_it_to_the_bit(trees: Trees) -> None:
    booster = lightgbm.Booster(model_str=trees.text)
    whole = np.asarray(booster.predict(rows(), pred_contrib=True)).reshape(len(rows()), trees.n_scores, -1)
    for score in range(trees.n_scores):
        found = trees.contributions(rows(), score)
        np.testing.assert_array_equal(found, whole[:, score])
        np.testing.assert_allclose(found.sum(axis=1), trees.raw(rows())[:, score], atol=1e-9)


def test_a_scores_own_trees_are_as_many_as_the_rounds(texts: dict[int, str]) -> None:
    own = lightgbm.Booster(model_str=of_score(texts[4], 2))
    assert (own.num_model_per_iteration(), own.num_trees()) == (
        1,
        lightgbm.Booster(model_str=texts[4]).num_trees() // 4,
    )
    assert own.feature_name() == list(NAMES)


def test_thresholds_are_those_of_lightgbms_own_account(trees: Trees) -> None:
    wanted: dict[str, set[float]] = {}

    def visit(node: dict) -> None:
        if "split_feature" in node:
            if node["decision_type"] == "<=":
                wanted.setdefault(NAMES[node["split_feature"]], set()).add(node["threshold"])
            visit(node["left_child"])
            visit(node["right_child"])

    for tree in lightgbm.Booster(model_str=trees.text).dump_model()["tree_info"]:
        visit(tree["tree_structure"])
    found = trees.thresholds
    assert set(found) == set(wanted)
    assert "favorite_category" not in found
    for name, values in found.items():
        np.testing.assert_array_equal(
            np.clip(values, -1e300, 1e300), sorted(wanted[name])
        )  # the account has no infinity
