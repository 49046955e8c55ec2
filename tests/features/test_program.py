import pytest

from features import algebra as ask
from features.algebra import Count, Distinct, Ratio, Sum, Window, ahead, back
from features.catalogue import load
from features.errors import SpecError
from features.events import DAY, KINDS
from features.layout import Tables
from features.program import compile_program


def program(**features):
    return compile_program(features, kinds=KINDS, retention_days=400, timezone="UTC")


def test_more_windows_of_counts_and_sums_add_no_work_an_event():
    def many(days):
        return program(
            **{f"c{d}": Count(("view",), back(d)) for d in days},
            **{f"s{d}": Sum("value", ("cart", "purchase"), back(d)) for d in days},
            **{f"before{d}": Count(("view",), Window(-2 * d * DAY, -d * DAY)) for d in days},
        ).tables

    few, more = many([7]), many(range(1, 60))
    assert len(few.sweeps) == len(more.sweeps) == 1
    assert len(few.fields) == len(more.fields) == 2
    assert len(few.start) == len(more.start)
    assert len(more.edges) > len(few.edges)


def test_equal_questions_are_asked_once():
    views = Count(("view",), back(7))
    tables = program(a=views, b=views, c=Ratio(views, Count((), back(7))), d=Ratio(views, Count((), back(7)))).tables
    assert len(tables.steps) == 3
    assert tables.columns[0] == tables.columns[1]
    assert tables.columns[2] == tables.columns[3]


def test_windows_beyond_retention_are_cut_to_it():
    tables = program(a=Distinct("item", (), back(500)), b=Distinct("item", (), back(400))).tables
    assert tables.instants[tables.edges[:, 0]].tolist() == [-400 * DAY]


def test_fields_and_texts_are_those_that_are_read():
    compiled = program(
        a=Sum("value", (), back(7)),
        b=Distinct("item", (), back(7)),
        c=ask.Last("channel", (), back(7)),
        d=ask.Gaps((), "mean", back(7), distinct_days=True),
    )
    assert compiled.fields == {"value", "item", "channel"}
    assert compiled.texts == {"channel"}
    assert compiled.categorical == {"c": "channel"}
    assert program(a=ask.Abandoned(back(7))).fields == {"item"}
    assert program(a=Count((), back(7))).fields == frozenset()


def test_the_packed_memory_holds_every_table():
    compiled = compile_program(load().features, kinds=KINDS, retention_days=400, timezone="UTC")
    assert len(compiled.shapes) == len(Tables._fields)
    for (start, *shape), table in zip(compiled.shapes.tolist(), compiled.tables, strict=True):
        packed = compiled.memory.view("u1")[start : start + table.nbytes].view(table.dtype)
        assert packed.reshape(shape[: table.ndim]).tolist() == table.tolist()


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ({"a": Count(("veiw",), back(7))}, "'a': unknown event kind 'veiw'.*Did you mean 'view'"),
        ({"a": ask.Transition("view", "boy", back(7))}, "unknown event kind 'boy'"),
        ({"a": Count((), back(7)), "b": Count((), ahead(7))}, "'a' looks back and 'b' forward"),
        ({"a": Ratio(Count((), back(7)), Count((), ahead(7)))}, "'a': .*mixes"),
        ({"a": ask.Until((), back(7))}, "'a': Until looks forward"),
        ({"a": Ratio(ask.Last("item", (), back(7)), Count((), back(7)))}, "'a': A ratio needs numbers"),
        ({"a": ask.Share("hour", 5, 5, (), back(7))}, "'a': Share of hour"),
    ],
)
def test_a_program_that_makes_no_sense_is_refused_by_name(features, says):
    with pytest.raises(SpecError, match=says):
        program(**features)


def test_a_program_of_no_features_is_one():
    assert program().names == ()
