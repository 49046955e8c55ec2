"""Small real boosters on invented rows, trained once a session."""

from pathlib import Path

import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from features import catalogue
from features.events import CODED_FIELDS, DAY
from features.matrix import Matrix
from features.workspace import Facts
from models import bundle as bundles
from models import golden
from models.calibration import Calibrator
from models.hazardmodel import PLACE, Correction, HazardModel, laid_out
from models.scorer import TargetModel
from models.spec import HERE, load_specs
from models.targets import Churn, Stages, Target

NAMES = ("a", "b", "c", "d", "favorite_category")
VOCABULARY = {"shoes": 0, "toys": 1, "tea": 2}
STAGE = Target("stage_7d", 7 * DAY, Stages(("view",), ("cart",), ("purchase",)))
RISK = Target("churn_30d", 30 * DAY, Churn(180 * DAY))


def matrix_of(n: int, seed: int = 0, outside: float = 0.2) -> Matrix:
    """n invented rows with NaN in them, categories known and unknown, a share outside each cohort."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, (n, len(NAMES)))
    values[rng.random(values.shape) < 0.1] = np.nan
    words = np.array(["shoes", "toys", "tea", "unseen", None], object)
    texts = pa.array(words[rng.integers(0, 5, n)].tolist(), pa.string())
    values[:, 4] = [np.nan if word is None else 0.0 for word in texts.to_pylist()]
    cohorts = np.where(rng.random((n, 2)) < outside, [0.0, np.nan], 1.0)
    names = (*NAMES, RISK.cohort_column, STAGE.cohort_column)
    person, cutoff = np.arange(n, dtype=np.int64), np.zeros(n, np.int64)
    return Matrix(person, cutoff, names, np.asfortranarray(np.hstack([values, cohorts])), {"favorite_category": texts})


def fit(names: tuple[str, ...], k: int, rounds: int = 30, leaves: int = 15) -> str:
    """Text of a booster of k classes, trained on the columns `names` in that order."""
    matrix = matrix_of(3000, seed=1)
    rng = np.random.default_rng(2)
    codes = np.nan_to_num(matrix.model_input(("favorite_category",), {"favorite_category": VOCABULARY})[:, 0], nan=-1)
    score = (
        np.nan_to_num(matrix.column("a")) - np.abs(np.nan_to_num(matrix.column("b"))) + codes + rng.normal(0, 1, 3000)
    )
    label = np.digitize(score, np.quantile(score, np.arange(1, k) / k))
    data = lightgbm.Dataset(
        matrix.model_input(names, {"favorite_category": VOCABULARY}),
        label,
        feature_name=list(names),
        categorical_feature=[name for name in names if name == "favorite_category"],
    )
    objective = {"objective": "binary"} if k == 2 else {"objective": "multiclass", "num_class": k}
    params = {**objective, "num_leaves": leaves, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1, "seed": 1}
    return lightgbm.train(params, data, rounds).model_to_string()


def model_of(target: Target, trained: tuple[int, ...], text: str, calibrator: Calibrator) -> TargetModel:
    rates = np.zeros(len(target.classes))
    rates[list(trained)] = 1 / len(trained)
    return TargetModel(target, trained, NAMES, {"favorite_category": VOCABULARY}, text, calibrator, rates)


@pytest.fixture(scope="session")
def texts() -> dict[int, str]:
    """Booster texts by number of classes."""
    return {k: fit(NAMES, k) for k in (2, 3, 4)}


@pytest.fixture(scope="session")
def churn_model(texts: dict[int, str]) -> TargetModel:
    return model_of(RISK, (0, 1), texts[2], Calibrator("beta", {"a": [1.1], "b": [0.9], "c": [0.05]}))


@pytest.fixture(scope="session")
def stage_model(texts: dict[int, str]) -> TargetModel:
    knots = {"x": [[0.0, 0.3, 1.0]] * 4, "y": [[0.01, 0.4, 0.9]] * 4}
    return model_of(STAGE, (0, 1, 2, 3), texts[4], Calibrator("isotonic", knots))


@pytest.fixture(scope="session")
def till_model(texts: dict[int, str]) -> TargetModel:
    """A stage of which training saw idle and buying only."""
    return model_of(STAGE, (0, 3), texts[2], Calibrator("platt", {"a": [0.9], "b": [0.1]}))


@pytest.fixture(scope="session")
def three_model(texts: dict[int, str]) -> TargetModel:
    """A stage without considering."""
    return model_of(STAGE, (0, 1, 3), texts[3], Calibrator("temperature", {"temperature": 1.3}))


USED = (
    "purchase_count_*", "view_count_*", "purchase_age", "view_age", "purchase_value_90d", "items_30d", "categories_7d",
    "active_days_90d", "*favourite*", "*favorite*", "*last_category*",
)  # fmt: skip


def hazard_of(target: Target, names: tuple, vocabularies: dict, values: np.ndarray, score: np.ndarray) -> HazardModel:
    """A hazard that rises with the score, on every third row."""
    n = len(target.recipe.edges)
    z = (score[::3, None] - score.mean()) / score.std() - 2 + np.linspace(0, 0.5, n)
    label = np.random.default_rng(5).random(z.shape) < 1 / (1 + np.exp(-z))
    columns = (*names, PLACE)
    data = lightgbm.Dataset(
        laid_out(values[::3], n), label.ravel(), feature_name=list(columns), categorical_feature=list(vocabularies)
    )
    params = {"objective": "binary", "num_leaves": 15, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    text = lightgbm.train(params, data, 25).model_to_string()
    rates = np.full(n + 1, 1 / (n + 1))
    shift = tuple(np.linspace(-0.1, 0.1, n).tolist())
    return HazardModel(
        target, names, vocabularies, text, np.linspace(-0.3, 0.2, n), Correction("intercepts", 0.9, shift), rates
    )


@pytest.fixture(scope="session")
def parts() -> dict:
    """What `bundle.write` takes: churn, stage and a hazard on the real catalogue, trained on invented histories."""
    facts = Facts(timezone="Asia/Shanghai", own_kinds=("livestream",))
    whole = catalogue.load()
    specs = {spec.name: spec for spec in load_specs([HERE])}
    program = bundles.program_of(facts, whole, {name: spec.target for name, spec in specs.items()})
    matrices = [golden.read(program, golden.invent(len(facts.kinds), seed, {}), golden.NOW) for seed in range(900, 920)]
    patterns = [pattern for pattern in USED if any(Path(name).match(pattern) for name in whole.names)]
    names = whole.select(patterns).names
    words = {field: {f"{field}-{i}": i for i in range(6)} for field in CODED_FIELDS}
    vocabularies = {name: words[field] for name, field in program.categorical.items() if name in names}
    assert vocabularies
    values = np.concatenate([matrix.model_input(names, vocabularies) for matrix in matrices])
    rng = np.random.default_rng(0)
    score = np.log1p(np.abs(np.nan_to_num(values.astype(np.float64)))).sum(axis=1) + rng.normal(0, 2, len(values))
    models = {}
    for name, k, calibrator in (
        ("churn_30d", 2, Calibrator("beta", {"a": [1.1], "b": [0.9], "c": [0.05]})),
        ("stage_7d", 4, Calibrator("platt", {"a": [1.0, 0.9, 1.1, 1.2], "b": [0.1, 0.0, -0.1, 0.0]})),
    ):
        label = np.digitize(score, np.quantile(score, np.arange(1, k) / k))
        data = lightgbm.Dataset(values, label, feature_name=list(names), categorical_feature=list(vocabularies))
        objective = {"objective": "binary"} if k == 2 else {"objective": "multiclass", "num_class": k}
        params = {**objective, "num_leaves": 15, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
        text = lightgbm.train(params, data, 25).model_to_string()
        rates = np.full(k, 1 / k)
        models[name] = TargetModel(specs[name].target, tuple(range(k)), names, vocabularies, text, calibrator, rates)
    models["next_purchase"] = hazard_of(specs["next_purchase"].target, names, vocabularies, values, score)
    return {
        "facts": facts,
        "catalogue": whole,
        "models": models,
        "specs": {name: spec.text for name, spec in specs.items()},
        "created": golden.NOW,
        "metrics": {"churn_30d": {"log_loss": 0.5}},
        "lineage": {"log": 3},
    }


@pytest.fixture(scope="session")
def written(parts: dict, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A bundle's folder and its digest; tests that change it copy it first, or change it back."""
    folder = tmp_path_factory.mktemp("bundles") / "7"
    return folder, bundles.write(folder, **parts)


@pytest.fixture(scope="session")
def bundle(written: tuple[Path, str]) -> bundles.Bundle:
    return bundles.load(*written)
