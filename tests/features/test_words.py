"""Questions in words, as TOML, and their answers for nothing, for the whole catalogue and every kind of question."""

import tomllib

import numpy as np
import pyarrow as pa
import pytest

from features import words
from features.algebra import (
    LIFETIME,
    SESSION,
    Abandoned,
    Age,
    Attribute,
    Count,
    Function,
    Gaps,
    Last,
    Mean,
    Moves,
    Ratio,
    Sessions,
    Share,
    Streak,
    Sum,
    Trend,
    Until,
    Window,
    ahead,
    back,
)  # fmt: skip
from features.catalogue import load
from features.definition import QUESTIONS, feature_from_toml, window_of
from features.events import CODED_FIELDS, DAY, KINDS, NUMBER_FIELDS
from features.matrix import evaluate, grid
from features.program import compile_program
from features.union import empty

CATALOGUE = load().entries


def test_every_question_has_words():
    assert set(words.ASKED) == set(QUESTIONS)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_feature_of_the_catalogue_is_put_in_words(language):
    texts = {name: words.question(entry.feature, language) for name, entry in CATALOGUE.items()}
    assert all("{" not in text and "  " not in text for text in texts.values())
    assert len(set(texts.values())) == len(texts), "two features that ask different things read alike"
    if language == "en":
        asked = {name: repr(CATALOGUE[name].feature) for name in texts}  # what it compares with may be Chinese
        assert all(text.isascii() or not asked[name].isascii() for name, text in texts.items())


@pytest.mark.parametrize(
    ("feature", "en", "zh"),
    [
        (Count((), back(1)), "number of events in the last day", "近1天任何行为的行为次数"),
        (
            Sum("value", ("purchase",), back(30)),
            "sum of value over events of kind purchase in the last 30 days",
            "近30天购买的金额合计",
        ),
        (
            Mean("dwell", ("click", "view"), Window(-90 * DAY, -30 * DAY)),
            "mean dwell of events of kind click or view in the time from 30 days to 90 days ago",
            "截止前30天到90天点击/浏览的停留时长均值",
        ),
        (
            Until(("purchase",), ahead(7)),
            "days from the cutoff to the earliest event of kind purchase in the next 7 days",
            None,
        ),
        (
            Age(("purchase",), lifetime=True),
            "days from the latest event of kind purchase ever to the cutoff",
            "距有史以来最近一次购买的天数",
        ),
        (
            Last("channel", (), SESSION, 2),
            "the channel of the latest event in the session so far that has one (number 2 from the end)",
            None,
        ),
        (
            Streak(("message",), ("open",)),
            "number of events of kind message after the latest event of open",
            "最近一次打开消息之后触达消息的次数",
        ),
        (
            Moves("channel", (), back(30), ("app",), ()),
            "number of times that channel changes from app between neighbouring events in the last 30 days, less than 30 minutes apart",
            None,
        ),
        (
            Attribute("city", "users", "text"),
            "city, as the table users gave it at the cutoff",
            "截止时刻users表中的city",
        ),
        (Sum("value", (), LIFETIME), "sum of value over events in the whole life", "有史以来任何行为的金额合计"),
        (
            Trend(Count((), back(7)), Count((), back(30))),
            "(number of events in the last 7 days) a day / (number of events in the last 30 days) a day",
            None,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_in_words(feature, en, zh):
    assert words.question(feature, "en") == en
    assert zh is None or words.question(feature, "zh") == zh


MORE = [
    Count((), Window(-90 * DAY, -30 * DAY)), Count((), LIFETIME), Count((), SESSION), Count((), Window(-5, -1)),
    Age(("view",), lifetime=True),
    Sessions("count", (), back(7), 3600_000_000), Sessions("count", (), back(7), 17), Gaps(("view",), "mean", back(30), True),
    Share("hour", 6, 12, (), back(30)), Until(("view",), Window(DAY, 3 * DAY)), Count((), ahead(7)), Last("item", (), back(7), 3),
    Moves("page", ("view",), back(7), ('say "hi"', "浏览"), ()), Attribute("city", "loyalty", "text"), Function("f", "a" * 64, ("value",)),
    Ratio(Count((), back(7)), Ratio(Count((), back(1)), Abandoned(back(30)))),
]  # fmt: skip


@pytest.mark.parametrize("feature", [*(entry.feature for entry in CATALOGUE.values()), *MORE], ids=repr)
def test_toml_asks_the_same_question(feature):
    assert feature_from_toml(tomllib.loads(f"question = {words.toml(feature)}")["question"]) == feature


def test_windows_read_back():
    for window in (
        back(30),
        Window(-90 * DAY, -30 * DAY),
        ahead(7),
        Window(DAY, 2 * DAY),
        LIFETIME,
        SESSION,
        Window(-7, -3),
        back(1 / 24),
    ):
        assert window_of(words.window(window)) == window
    assert words.window(Window(-90 * DAY, -30 * DAY)) == "90d..30d"
    assert words.window(back(0.5)) == "12h"


def test_of_nothing_is_what_the_kernel_answers_for_nothing():
    features = {
        name: entry.feature for name, entry in CATALOGUE.items() if not isinstance(entry.feature, Attribute | Function)
    }
    program = compile_program(features, kinds=KINDS, retention_days=400, timezone="UTC")
    nobody = empty(pa.array(["nobody"]), NUMBER_FIELDS, CODED_FIELDS)
    matrix = evaluate(program, nobody, *grid(1, [1_750_000_000_000_000]))
    for name, feature in features.items():
        said = words.nothing(feature)
        if name in matrix.texts:
            assert (said, matrix.texts[name].to_pylist()) == ("null", [None]), name
        else:
            found = matrix.column(name)[0]
            assert said == ("NaN" if np.isnan(found) else f"{found:g}"), name
