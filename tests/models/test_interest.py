"""The recipe of the next category, what is known of a pair, and the model's answers by hand."""

import numpy as np
import orjson
import pyarrow as pa
import pytest

from features.errors import SpecError
from features.events import DAY
from models.candidates import NAMES, Shop, expected, markov, own, pairs
from models.interest import Interest, coming
from models.spec import HERE, load
from models.targets import Target

RECIPE = Interest(("purchase",), 30, ("hats", "shoes"))
WIDTH = len(RECIPE.touches.windows)


def item(name, browses=0, buys=0, first=None, last=None):
    """An answer about one category: as many in every window."""
    counts = [browses] * WIDTH + [0] * WIDTH + [buys] * WIDTH
    return [name, *counts, 3.0 if browses else None, 2.0 if browses else None, None, None, first, last]


TEXTS = pa.array(
    [
        orjson.dumps(row).decode()
        for row in (
            [],
            [item("shoes", browses=4, buys=2, first=30.0, last=10.0), item("socks", browses=1), item("belts", buys=1, first=5.0, last=5.0)],
        )
    ]
)  # fmt: skip
SHOP = Shop(np.array([0.5, 0.3, 0.2]), np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]]), 2.0)


def test_what_is_no_candidate_is_other():
    assert RECIPE.classes == ("hats", "shoes", "other")
    assert RECIPE.places([["socks", "shoes", "belts"], []]) == [[2, 1], []]
    assert coming(pa.array(['[["shoes", 1.0, 0.5], ["hats"]]'])) == [["shoes", "hats"]]


def test_touches_are_summed_to_the_candidates():
    mine = own(TEXTS, RECIPE.touches, RECIPE.candidates)
    assert mine.bought.tolist() == [[0, 0, 0], [0, 2, 1]]
    assert mine.counts[1, 2, 0] == 1
    assert mine.touched.tolist() == [0, 3]
    assert mine.in_last_order.tolist() == [[False] * 3, [False, False, True]]
    np.testing.assert_array_equal(mine.last[1, :, 2], [np.nan, 10, 5])


def test_frequencies_are_shrunk_and_moves_start_at_the_last_order():
    mine = own(TEXTS, RECIPE.touches, RECIPE.candidates)
    np.testing.assert_allclose(expected(mine, SHOP), [[0.5, 0.3, 0.2], [1 / 5, 2.6 / 5, 1.4 / 5]])
    np.testing.assert_allclose(markov(mine, SHOP), [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])


def test_a_pair_says_where_one_stands_in_ones_own_gap():
    values, start = pairs(own(TEXTS, RECIPE.touches, RECIPE.candidates), SHOP)
    of = values.reshape(2, 3, -1)
    assert of[1, 1, NAMES.index("gap_position")] == pytest.approx(10 / 20)  # bought 30 and 10 days ago
    assert np.isnan(of[1, 2, NAMES.index("gap_position")])
    assert of[1, 1, NAMES.index("share_of_buys")] == pytest.approx(2 / 3)
    assert of[1, 0, NAMES.index("days_since_touch")] == 2
    np.testing.assert_allclose(start[0], np.log(SHOP.share))


def test_a_row_alone_has_the_same_bits():
    together = pairs(own(TEXTS, RECIPE.touches, RECIPE.candidates), SHOP)
    for row in range(2):
        alone = pairs(own(TEXTS[row : row + 1], RECIPE.touches, RECIPE.candidates), SHOP)
        assert alone[0].tobytes() == together[0].reshape(2, -1)[row].tobytes()
        assert alone[1].tobytes() == together[1][row].tobytes()


def test_scores_name_the_most_probable_and_never_other():
    p = np.array([[0.2, 0.3, 0.5], [0.3, 0.3, 0.4], [np.nan] * 3])
    target = Target("category_interest", 30 * DAY, RECIPE)
    scores = target.named_scores(p)
    assert scores["category_1"].tolist() == ["shoes", "hats", None]
    assert scores["category_2"].tolist() == ["hats", "shoes", None]
    assert scores["category_3"].tolist() == [None] * 3
    np.testing.assert_array_equal(scores["p_category_1"], [0.3, 0.3, np.nan])
    assert target.worded == ("category_1", "category_2", "category_3")


def test_a_target_survives_being_written():
    target = Target("category_interest", 30 * DAY, RECIPE)
    assert Target.from_json(orjson.loads(orjson.dumps(target.to_json()))) == target


def test_our_spec_reads_and_a_wrong_one_is_refused(tmp_path):
    path = HERE / "more" / "category_interest.toml"
    assert load(path).target.recipe.kinds == ("purchase",)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(path.read_text().replace("most = 50", "most = 1"))
    with pytest.raises(SpecError, match="most"):
        load(wrong)
