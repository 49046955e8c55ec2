"""`intently paths`: the analysis, and the page, picture and tables that are made of it."""

from pathlib import Path
from typing import Any, Final, Literal, cast

from ..errors import InputError
from ..log import EventLog
from ..workspace import Workspace
from ..written import check_folder, drafted
from . import analyse
from .analyse import AT_LAST, Asked
from .steps import Mode

PICTURES: Final = (".png", ".svg")
Language = Literal["en", "zh"]


def deliver(
    workspace: Workspace,
    *,
    start: int | None = None,
    until: int | None = None,
    goal: str = "purchase",
    mode: str = "kind",
    depth: int = 5,
    horizon_days: int = 30,
    top: int = 10,
    outs: tuple[Path, ...] = (),
    tables: Path | None = None,
    language: Language = "en",
) -> dict[str, Any]:
    """Analyse, and write what is asked for.

    Args:
        workspace: Whose log.
        start: Microseconds UTC; None for the log's first event.
        until: Microseconds UTC, and what had arrived by then; None for all that the log holds.
        goal: The kind that ends a path.
        mode: How events are called.
        depth: Steps of a path.
        horizon_days: Silence of so long is leaving.
        top: Paths, and pairs of steps, that are listed.
        outs: Files: a page (.html) or a picture (.png, .svg).
        tables: Folder for CSV files.
        language: Of page and picture.

    Returns:
        As of `analyse.paths`, with `written`, the files.

    Raises:
        InputError: As of `analyse.paths`; or a file cannot be written, or is neither page nor picture.
        NotReadyError: The log is empty.
    """
    for out in outs:
        if out.suffix not in {".html", *PICTURES}:
            raise InputError(f"{out.name} is neither a page nor a picture: --out ends in .html, .png or .svg.")
        check_folder(out)
    workspace.facts  # noqa: B018 - refuses where nothing was ingested
    log = EventLog(workspace)
    asked = Asked(
        start=log.first_ts if start is None else start,
        until=log.last_ts + 1 if until is None else until,
        goal=goal,
        mode=cast("Mode", mode),  # `analyse` refuses another
        depth=depth,
        horizon_days=horizon_days,
        top=top,
        known=AT_LAST if until is None else until,
    )
    result = analyse.paths(workspace, asked)
    written = []
    for out in outs:
        try:
            result["notes"] += _write(result, out, language)
        except OSError as error:
            raise InputError(f"{out} cannot be written ({error.strerror}). Name another file for --out.") from error
        written.append(str(out))
    if tables is not None:
        from .tables import write_tables

        written += [str(tables / name) for name in write_tables(result, tables)]
    return result | {"written": written}


def _write(result: dict[str, Any], out: Path, language: Language) -> list[str]:
    """Write the page or picture whole or not at all; what there is to note."""
    with drafted(out) as draft:
        if out.suffix == ".html":
            from .page import write_page

            write_page(result, draft, language)
            return []
        from .plot import draw

        return draw(result, draft, out.suffix[1:], language)
