"""The analysis as a page that stands alone: one HTML file with its figures, styles and script in it, for use without a network."""

from importlib import resources
from pathlib import Path
from typing import Any, Final

import orjson

from ..words import zh_kinds

PLACE: Final = "/*result*/null"
"""Where the template takes the figures."""


def write_page(result: dict[str, Any], out: Path, language: str) -> None:
    """Write the page.

    Args:
        result: As of `analyse.paths`.
        out: The file.
        language: `en` or `zh`; the page can change to the other.
    """
    template = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    told = result | {"language": language, "words": zh_kinds()}
    figures = orjson.dumps(told).decode().replace("<", "\\u003c")  # no text of a log ends the script
    out.write_text(template.replace(PLACE, figures), encoding="utf-8")
