"""LightGBM's parameters that a spec may set, with their bounds; the rest are ours, and a message says why."""

from typing import Any, Final

from .document import Table

WHOLE: Final = {
    "num_leaves": (2, 4096),
    "max_depth": (-1, 64),
    "min_data_in_leaf": (1, 1_000_000),
    "bagging_freq": (0, 1000),
    "max_bin": (15, 4095),
    "min_data_in_bin": (1, 10_000),
    "max_cat_threshold": (1, 4096),
    "max_cat_to_onehot": (1, 4096),
    "min_data_per_group": (1, 1_000_000),
}
NUMBER: Final = {
    "learning_rate": (1e-4, 1.0),
    "min_sum_hessian_in_leaf": (0.0, 1e6),
    "feature_fraction": (0.01, 1.0),
    "feature_fraction_bynode": (0.01, 1.0),
    "bagging_fraction": (0.01, 1.0),
    "lambda_l1": (0.0, 1e6),
    "lambda_l2": (0.0, 1e6),
    "min_gain_to_split": (0.0, 1e6),
    "cat_smooth": (0.0, 1e6),
    "cat_l2": (0.0, 1e6),
    "path_smooth": (0.0, 1e6),
}
FLAG: Final = ("extra_trees",)

OWNED: Final = {
    "the target decides it": ("objective", "num_class", "metric", "boosting", "linear_tree", "monotone_constraints"),
    "training sets it, so that equal input gives an equal model": (
        "seed", "random_state", "bagging_seed", "feature_fraction_seed", "data_random_seed", "extra_seed", "deterministic",
        "force_row_wise", "force_col_wise", "num_threads", "nthread", "n_jobs", "device_type", "verbosity", "verbose",
    ),
    "it bends probabilities, which must stay calibrated": ("is_unbalance", "scale_pos_weight", "boost_from_average"),
}  # fmt: skip
ALIASES: Final = {
    "n_estimators": "num_iterations",
    "num_boost_round": "num_iterations",
    "early_stopping_rounds": "early_stopping_round",
    "eta": "learning_rate",
    "shrinkage_rate": "learning_rate",
    "min_child_samples": "min_data_in_leaf",
    "min_child_weight": "min_sum_hessian_in_leaf",
    "reg_alpha": "lambda_l1",
    "reg_lambda": "lambda_l2",
    "subsample": "bagging_fraction",
    "subsample_freq": "bagging_freq",
    "colsample_bytree": "feature_fraction",
    "min_split_gain": "min_gain_to_split",
}


def lightgbm_parameters(table: Table) -> tuple[dict[str, Any], int, int]:
    """What a spec's `[lightgbm]` says.

    Returns:
        Parameters by LightGBM's names; `num_iterations`, the most boosting rounds (1,000 where absent); and
        `early_stopping_round`, rounds without a gain after which boosting ends (50 where absent).

    Raises:
        SpecError: A parameter is unknown, ours to set, or out of bounds.
    """
    owned = {name: reason for reason, names in OWNED.items() for name in names}
    for key in table.keys:
        if key in owned:
            raise table.fail(key, f"a spec cannot set it: {owned[key]}. Delete the line.")
        if key in ALIASES:
            raise table.fail(key, f"write it by LightGBM's own name, {ALIASES[key]}.")
    rounds = table.whole("num_iterations", 1, 20_000, 1000)
    patience = table.whole("early_stopping_round", 1, 1000, 50)
    read: dict[str, Any] = {}
    for key, (least, most) in WHOLE.items():
        read[key] = table.whole(key, least, most, least)
    for key, (low, high) in NUMBER.items():
        read[key] = table.number(key, low, high, low)
    for key in FLAG:
        read[key] = table.take(key, bool, default=False)
    table.done()
    return {key: value for key, value in read.items() if key in table.keys}, rounds, patience
