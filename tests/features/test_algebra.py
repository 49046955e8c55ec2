import pytest

from features.algebra import Age, Count, Ratio, Sum, Trend, Until, Window, ahead, back
from features.errors import SpecError
from features.events import DAY
from features.traits import is_forward, parts


def test_windows_are_half_open_spans_relative_to_the_cutoff():
    assert back(7) == Window(-7 * DAY, 0)
    assert ahead(0.5) == Window(0, DAY // 2)
    assert ahead(1).forward
    assert not Window(-2, -1).forward


@pytest.mark.parametrize(
    ("start", "stop", "says"), [(0, 0, "empty"), (5, 4, "empty"), (-1, 1, "not both"), (-4000 * DAY, 0, "10 years")]
)
def test_a_window_that_makes_no_sense_is_refused(start, stop, says):
    with pytest.raises(SpecError, match=says):
        Window(start, stop)


def test_a_feature_knows_its_parts_and_which_way_it_looks():
    views, money = Count(("view",), back(7)), Sum("value", (), back(30))
    assert parts(Ratio(Ratio(views, money), Age(()))) == (views, money, Age(()))
    assert parts(Trend(views, money)) == (views, money)
    assert not is_forward(Age(()))
    assert is_forward(Until((), ahead(7)))
    with pytest.raises(SpecError, match="mixes backward and forward"):
        is_forward(Ratio(views, Count((), ahead(1))))
