import pytest

from features.algebra import Age, Count, Ratio, Sum, Trend, Until, ahead, back
from features.errors import SpecError
from features.traits import is_forward, parts


def test_a_feature_knows_its_parts_and_which_way_it_looks():
    views, money = Count(("view",), back(7)), Sum("value", (), back(30))
    assert parts(Ratio(Ratio(views, money), Age(()))) == (views, money, Age(()))
    assert parts(Trend(views, money)) == (views, money)
    assert not is_forward(Age(()))
    assert is_forward(Until((), ahead(7)))
    with pytest.raises(SpecError, match="mixes backward and forward"):
        is_forward(Ratio(views, Count((), ahead(1))))
