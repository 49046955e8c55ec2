"""The drivers of tags as people read them: a table for the terminal, a page, a picture of signed bars."""

import textwrap
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from features.written import check_drawn, drafted

from .plots import BLUE, ORANGE, STYLE

TEMPLATE: Final = Path(__file__).with_name("drivers.html")
WIDTH: Final = 44
"""Letters of a feature's title on a line of the picture."""
HEADINGS: Final = {
    "en": (
        "What drives the tags",
        "people",
        "mean probability of",
        "too few people, or all of them, have this value",
        "by family",
    ),
    "zh": ("标签的驱动因素", "人", "平均概率：", "拥有该值的人过少，或全部拥有", "按类别"),
}


def check(out: Path) -> None:
    """Refuse a file that cannot be written, before anything is asked.

    Raises:
        InputError: It ends in neither .html nor .png, or its folder is not there.
    """
    check_drawn(out, (".html", ".png"))


def write(out: Path, found: dict[str, Any], language: str = "en") -> None:
    """The drivers as a file, replaced whole or not at all.

    Args:
        out: `.html`, or `.png` (English).
        found: What `serving.drivers.drivers` gives.
        language: `en` or `zh`, of the page.

    Raises:
        InputError: As `check`.
    """
    check(out)
    with drafted(out) as draft:
        if out.suffix.lower() == ".html":
            draft.write_text(page(found, language), encoding="utf-8")
        else:
            picture(draft, found)


def page(found: dict[str, Any], language: str) -> str:
    """HTML that needs no network."""
    heading = HEADINGS[language]
    sections = []
    for tag in found["tags"]:
        largest = _largest(tag)
        values = "".join(_value(value, largest, language) for value in tag["values"])
        sections.append(
            f"<section><h2>{escape(tag['title'][language])} <small>{escape(tag['name'])}</small></h2>{values}</section>"
        )
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        lang="zh-CN" if language == "zh" else "en",
        title=heading[0],
        about=f"{found['people']:,} {heading[1]} · {found['as_of'][:10]} · {found['version']}",
        says=escape(found["says"][language]),
        body="\n".join(sections),
    )


def picture(path: Path, found: dict[str, Any]) -> None:
    """A row a tag, a column a value: the strongest features, to the right where they speak for the value."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    tags = found["tags"]
    columns = max(len(tag["values"]) for tag in tags)
    with mpl.rc_context(STYLE):
        made = Figure(figsize=(5.2 * columns, 0.6 + 2.9 * len(tags)))
        axes = made.subplots(len(tags), columns, squeeze=False)
        for row, tag in zip(axes, tags, strict=True):
            largest = _largest(tag)
            for ax in row[len(tag["values"]) :]:
                ax.set_visible(False)
            for ax, value in zip(row, tag["values"], strict=False):
                features = value["features"]
                named = [textwrap.fill(one["en"].split(" (the others")[0], WIDTH) for one in features]
                gaps = [one["gap"] for one in features]
                ax.barh(range(len(gaps)), gaps, color=[BLUE if gap > 0 else ORANGE for gap in gaps], height=0.6)
                ax.set_yticks(range(len(gaps)), named, fontsize=7)
                ax.invert_yaxis()
                if not features:
                    ax.text(0, 0, HEADINGS["en"][3], ha="center", va="center", fontsize=7, color="#8C8C8C")
                ax.axvline(0, color="#333333", lw=0.8)
                ax.grid(visible=False, axis="y")
                ax.set(xlim=(-1.05 * largest, 1.05 * largest), xlabel="gap of mean contributions (log-odds)")
                ax.set_title(
                    f"{tag['title']['en']}: {value['title']['en']} ({value['share']:.0%} of {tag['people']:,})"
                )
        made.savefig(path, format="png")


def show(found: dict[str, Any]) -> None:
    """A table a tag and value."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for tag in found["tags"]:
        table = Table(title=f"[bold]{tag['name']}[/] {tag['title']['zh']}", title_justify="left", show_lines=True)
        for name in ("value", "people", "driven by (log-odds)", "by family"):
            table.add_column(name, justify="right" if name == "people" else "left", overflow="fold")
        for value in tag["values"]:
            features = [f"{one['gap']:+.2f}  {one['en']}\n       {one['zh']}" for one in value["features"]]
            families = [f"{one['gap']:+.2f}  {one['title']['en']}" for one in value["families"][:4]]
            told = f"{value['title']['en']} [dim]{value['title']['zh']}\nby the score of {value['of_title']['en']}[/]"
            few = f"[dim]{HEADINGS['en'][3]}[/]"
            table.add_row(told, f"{value['people']:,}", "\n".join(features) or few, "\n".join(families))
        console.print(table)
    console.print(f"[dim]{found['says']['en']}[/]", soft_wrap=True)
    console.print(f"[dim]{found['people']:,} people as of {found['as_of']}, version {found['version']}[/]")


def _largest(tag: dict[str, Any]) -> float:
    return max((abs(one["gap"]) for value in tag["values"] for one in value["features"]), default=1.0)


def _value(value: dict[str, Any], largest: float, language: str) -> str:
    heading = HEADINGS[language]
    head = f"<h3>{escape(value['title'][language])} <small>{value['people']:,} ({value['share']:.0%})"
    if value["probability"] is not None:
        head += f" · {heading[2]} {escape(value['of_title'][language])} {value['probability']:.0%}"
    rows = "".join(
        f'<tr><td class="gap">{one["gap"]:+.2f}</td><td class="bar">{_bar(one["gap"] / largest)}</td><td>{escape(one[language])}</td></tr>'
        for one in value["features"]
    )
    families = " · ".join(f"{escape(one['title'][language])} {one['gap']:+.2f}" for one in value["families"][:5])
    body = f"<table>{rows}</table><p>{heading[4]}: {families}</p>" if rows else f"<p>{heading[3]}</p>"
    return f"<article>{head}</small></h3>{body}</article>"


def _bar(share: float) -> str:
    """A bar from the middle, to the right where it is positive."""
    way, width = ("up", 50 * share) if share > 0 else ("down", -50 * share)
    return f'<i class="{way}" style="width:{width:.1f}%;{"left" if share > 0 else "right"}:50%"></i>'
