"""Slices told by a model's input are those told by the matrix it is made from."""

import numpy as np
import pyarrow as pa

from features.matrix import Matrix
from models.slices import members
from training.reliable import inside, slices_of

NAMES = ("event_tenure", "last_channel", "purchase_count_365d")


def test_members_in_training_are_members_in_serving():
    generator = np.random.default_rng(0)
    words = ["app", "web", None, "store"]
    texts = pa.array([words[i] for i in generator.integers(0, 4, 300)])
    values = np.column_stack([generator.integers(0, 60, 300), np.zeros(300), generator.integers(0, 8, 300)]) * 1.0
    values[generator.random(300) < 0.1, 0] = np.nan
    matrix = Matrix(np.arange(300), np.zeros(300, np.int64), NAMES, values, {"last_channel": texts})
    vocabularies = {"last_channel": {"web": 0, "app": 1}}
    slices = slices_of(NAMES, vocabularies)
    assert [one.name for one in slices][-2:] == ["channel: web", "channel: app"]
    given = inside(slices, matrix.model_input(NAMES, vocabularies), NAMES, vocabularies)
    assert np.array_equal(given, members(slices, matrix))


def test_what_the_model_does_not_read_makes_no_slice():
    assert {one.name for one in slices_of(("event_tenure",), {})} == {"new"}
