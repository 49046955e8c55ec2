"""Attributes as known at the cutoff: what counts as given, and how they reach a matrix."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from features import dated
from features.algebra import Attribute, Count, Ratio, back
from features.dated import Dated
from features.errors import InternalError, SpecError
from features.events import NULL
from features.histories import from_events
from features.matrix import evaluate
from features.outside import n_not_numbers, number_of
from features.program import compile_program
from features.union import concatenate, union

from .logs import invent, with_keys

AGE, CITY = Attribute("age"), Attribute("city", type="text")
POINTS = Attribute("points", table="loyalty")


def program(**features):
    return compile_program(features, kinds=("view", "cart", "purchase"), retention_days=400, timezone="UTC")


def people(*rows):
    """Known of one person: (valid_from, JSON)."""
    since, texts = zip(*rows, strict=True) if rows else ((), ())
    valid_from = np.array([NULL if at is None else at for at in since], np.int64)
    return dated.of(1, np.zeros(len(rows), np.int64), valid_from, pa.array(texts, pa.string()))


def shop(known, n=1):
    histories = from_events(with_keys(invent(50, users=n)), ("view", "cart", "purchase"))
    return replace(histories.take(np.arange(n)), attributes=known)


def ask(known, *cutoffs, **features):
    matrix = evaluate(program(**features), shop(known), np.zeros(len(cutoffs), np.int64), np.array(cutoffs))
    return [matrix.texts[n].to_pylist() if n in matrix.texts else matrix.column(n).tolist() for n in features]


ROWS = people(
    (None, '{"age": "41", "city": "郑州"}'),
    (10, '{"age": 42, "city": null}'),
    (20, '{"age": "unknown", "city": ""}'),
    (30, '{"city": "洛阳", "age": null}'),
)


def test_each_field_is_the_latest_that_is_given():
    ages, cities = ask({"users": ROWS}, 0, 9, 10, 11, 20, 29, 30, 99, age=AGE, city=CITY)
    nan = math.nan
    assert np.array_equal(ages, [41, 41, 42, 42, nan, nan, nan, nan], equal_nan=True)  # "unknown" hides 42: it is given
    assert cities == ["郑州"] * 6 + ["洛阳"] * 2
    assert n_not_numbers(ROWS, "age") == 1


@pytest.mark.parametrize(
    ("value", "number", "text"),
    [
        ("true", 1.0, "true"), ("false", 0.0, "false"), ("3", 3.0, "3"), ("3.0", 3.0, "3"), ("2.5", 2.5, "2.5"),
        ('" 1.5 "', 1.5, " 1.5 "), ('"1_000"', None, "1_000"), ('"nan"', None, "nan"), ('"inf"', None, "inf"),
        ("[1, 2]", None, "[1,2]"), ('{"a": 1}', None, '{"a":1}'), ("null", None, None), ('""', None, None),
        ('"1e400"', None, "1e400"),
    ],
)  # fmt: skip
def test_numbers_and_texts_of_json(value, number, text):
    (found,), (words,) = ask({"users": people((None, f'{{"age": {value}, "city": {value}}}'))}, 5, age=AGE, city=CITY)
    assert (math.isnan(found) if number is None else found == number, words) == (True, text)


def test_integers_beyond_floats_are_no_numbers():
    assert math.isnan(number_of(10**400))


def test_tables_are_told_apart_and_columns_keep_their_places():
    known = {"users": people((None, '{"points": 1, "city": "a"}')), "loyalty": people((None, '{"points": 7}'))}
    features = {
        "n": Count((), back(30)),
        "p": POINTS,
        "own": Attribute("points"),
        "city": CITY,
        "m": Count((), back(1)),
    }
    histories = shop(known)
    matrix = evaluate(program(**features), histories, np.zeros(1, np.int64), np.array([10**12]))
    assert matrix.names == tuple(features)
    assert matrix.column("p") == 7
    assert matrix.column("own") == 1
    assert matrix.texts["city"].to_pylist() == ["a"]
    assert (matrix.column("n"), matrix.column("m")) == (histories.n_events, 0)
    assert matrix.model_input(["city", "p"], {"city": {"b": 0, "a": 1}}).tolist() == [[1, 7]]


def test_what_was_not_asked_for_is_not_silently_nothing():
    with pytest.raises(InternalError, match="lack the attributes 'loyalty'"):
        ask({"users": ROWS}, 5, p=POINTS)
    assert math.isnan(ask(None, 5, p=POINTS)[0][0])  # made by hand: nothing is known of anybody
    assert set(program(p=POINTS, c=CITY).attributes) == {"users", "loyalty"}
    assert not program(n=Count((), back(1))).attributes


def test_of_no_rows_there_are_no_answers():
    assert ask({"users": ROWS}, age=AGE, city=CITY) == [[], []]
    assert ask({"users": people()}, age=AGE, city=CITY) == [[], []]


def test_an_attribute_stands_alone():
    with pytest.raises(SpecError, match="stands alone"):
        program(r=Ratio(AGE, Count((), back(1))))


def test_known_rows_go_with_their_persons():
    known = Dated(np.array([0, 2, 2, 3]), np.array([NULL, 5, 1]), pa.array(['{"age": 1}', '{"age": 2}', '{"age": 3}']))
    histories = shop({"users": known}, n=3)
    turned = histories.take(np.array([2, 0, 1]))
    assert turned.attributes["users"].texts.to_pylist() == ['{"age": 3}', '{"age": 1}', '{"age": 2}']
    assert turned.attributes["users"].offsets.tolist() == [0, 1, 3, 3]
    first, rest = histories.take(np.array([0])), replace(histories.take(np.array([1, 2])), attributes=None)
    both = concatenate([first, rest])
    assert both.attributes["users"].offsets.tolist() == [0, 2, 2, 2]
    assert union([first, first, rest]).attributes["users"].texts.to_pylist() == ['{"age": 1}'] * 2 + ['{"age": 2}'] * 2
    assert concatenate([rest, rest.take(np.array([], np.int64))]).attributes is None


def test_several_persons_known_rows_are_read_as_ones():
    known = Dated(np.array([0, 2, 3, 3]), np.array([NULL, 5, 3]), pa.array(['{"age": 1}', '{"age": 5}', '{"age": 3}']))
    one = known.gathered(np.array([0, 2, 2, 3]), np.array([0, 1, 2]))
    assert one.offsets.tolist() == [0, 3, 3, 3]
    assert one.valid_from.tolist() == [NULL, 3, 5]
