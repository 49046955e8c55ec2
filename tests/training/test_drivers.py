"""Drivers as a page, a picture and a table."""

import pytest

from features.errors import InputError
from training.drivers import show, write


def value(name, gap):
    words = {"en": f"5 <b>messages</b> {name} (the others: 0)", "zh": f"打开消息5次{name}（其他人：0次）"}
    feature = {"feature": "open_count_7d", "gap": gap, **words}
    family = {"family": "engagement", "title": {"en": "response", "zh": "互动"}, "gap": gap}
    return {
        "value": name, "title": {"en": name.title(), "zh": name}, "people": 40, "share": 0.4, "probability": 0.3,
        "of": "churned", "of_title": {"en": "leaving", "zh": "流失"}, "gap": gap,
        "families": [family] if gap else [], "features": [feature] if gap else [],
    }  # fmt: skip


FOUND = {
    "as_of": "2025-06-01T00:00:00Z", "version": "1", "people": 100, "says": {"en": "Not what causes.", "zh": "并不说明因果。"},
    "tags": [{"name": "churn_risk", "title": {"en": "Churn risk", "zh": "流失风险"}, "people": 100,
              "values": [value("low", -1.5), value("medium", None), value("high", 0.75)]}],
}  # fmt: skip


@pytest.mark.parametrize(("language", "title"), [("en", "What drives the tags"), ("zh", "标签的驱动因素")])
def test_a_page_needs_no_network_and_holds_every_driver(tmp_path, language, title):
    write(tmp_path / "d.html", FOUND, language)
    page = (tmp_path / "d.html").read_text("utf-8")
    assert title in page
    assert "http" not in page
    assert "<b>messages" not in page
    assert page.count("<article>") == 3
    assert 'class="down" style="width:50.0%;right:50%"' in page
    assert 'class="up" style="width:25.0%;left:50%"' in page
    assert FOUND["says"][language] in page
    assert [path.name for path in tmp_path.iterdir()] == ["d.html"]


def test_a_picture(tmp_path):
    write(tmp_path / "d.png", FOUND)
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")


def test_other_endings_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"--out d\.pdf: .* must end in \.html or \.png"):
        write(tmp_path / "d.pdf", FOUND)
    with pytest.raises(InputError, match="There is no folder"):
        write(tmp_path / "no" / "d.png", FOUND)


def test_a_table(capsys):
    show(FOUND)
    shown = capsys.readouterr().out
    for text in ("churn_risk", "-1.50", "+0.75", "too few", "100 people as of"):
        assert text in shown
