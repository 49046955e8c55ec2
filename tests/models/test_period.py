"""A spec over another period: honest names, a text that says what was trained, and what cannot be is refused."""

import pytest

from features.errors import InputError, SpecError
from features.events import DAY
from models.period import over
from models.spec import HERE, load, load_specs


def test_another_horizon_is_told_by_name_title_and_text():
    (spec,), notes = over([load(HERE / "churn_30d.toml")], 14 * DAY, None)
    assert (spec.name, spec.target.horizon, spec.split.gap) == ("churn_14d", 14 * DAY, 14 * DAY)
    assert spec.title == {"zh": "未来 14 天的流失风险", "en": "Churn within 14 days"}
    assert 'horizon = "14d"' in spec.text
    assert "30d" not in spec.text
    assert "churn_30d became churn_14d" in notes[0]


def test_a_text_that_was_changed_reads_as_the_spec_itself(tmp_path):
    (spec,), _ = over([load(HERE / "stage_7d.toml")], 3 * DAY, 9)
    (tmp_path / "again.toml").write_text(spec.text)
    again = load(tmp_path / "again.toml")
    assert (again.target, again.split, again.title) == (spec.target, spec.split, spec.title)
    assert (again.name, again.split.train) == ("stage_3d", 9)


def test_every_shipped_spec_can_look_otherwise_or_says_why_not():
    for path in sorted(HERE.rglob("*.toml")):
        if path.parent.name in {"tags", "what_if"}:
            continue
        before = load(path)
        (after,), notes = over([before], 5 * DAY, None)
        if after is before:
            assert "horizons of its own" in notes[0]
        else:
            assert after.target.horizon == 5 * DAY
            assert after.name.endswith("_5d")


def test_a_name_without_days_is_kept(tmp_path):
    text = (HERE / "churn_30d.toml").read_text().replace('"churn_30d"', '"leaving"')
    (tmp_path / "own.toml").write_text(text)
    (spec,), notes = over([load(tmp_path / "own.toml")], 14 * DAY, None)
    assert (spec.name, notes) == ("leaving", [])


def test_weeks_count_weeks_whatever_lies_between_cutoffs(tmp_path):
    text = (HERE / "churn_30d.toml").read_text().replace('every = "7d"', 'every = "14d"')
    (tmp_path / "own.toml").write_text(text)
    (spec,), _ = over([load(tmp_path / "own.toml")], None, 12)
    assert spec.split.train == 6
    assert over([spec], None, 1)[0][0].split.train == 1


def test_a_table_that_is_not_there_is_added(tmp_path):
    text = (HERE / "churn_30d.toml").read_text()
    kept = text[: text.index("# Numbers of cutoffs")] + text[text.index("[lightgbm]") :]
    (tmp_path / "own.toml").write_text(kept)
    assert over([load(tmp_path / "own.toml")], None, 4)[0][0].split.train == 4


def test_nothing_asked_changes_nothing():
    specs = load_specs([HERE])
    assert over(specs, None, None) == (specs, [])


@pytest.mark.parametrize(
    ("horizon", "error", "words"),
    [
        (DAY // 2, InputError, "0.5 days is not whole days"),
        (500 * DAY, SpecError, "at most 400d"),
    ],
)
def test_a_horizon_that_cannot_be_is_refused(horizon, error, words):
    with pytest.raises(error, match=words):
        over([load(HERE / "churn_30d.toml")], horizon, None)


def test_two_specs_do_not_come_to_have_one_name():
    with pytest.raises(InputError, match="two specs are named churn_9d"):
        over([load(HERE / "churn_30d.toml"), load(HERE / "more" / "churn_7d.toml")], 9 * DAY, None)


def test_a_gap_that_is_fixed_and_too_short_is_named(tmp_path):
    text = (HERE / "churn_30d.toml").read_text().replace('every = "7d"', 'every = "7d"\ngap = "30d"')
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(SpecError, match=r"split\.gap"):
        over([load(tmp_path / "own.toml")], 60 * DAY, None)
