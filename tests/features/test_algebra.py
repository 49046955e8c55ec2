import pytest

from features.algebra import Window, ahead, back
from features.errors import SpecError
from features.events import DAY


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
