"""The analysis as CSV files, one a table, for spreadsheets."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError

Row = dict[str, Any]


def write_tables(result: dict[str, Any], folder: Path) -> list[str]:
    """Write every table as a file of UTF-8 with a byte-order mark, which spreadsheets need to see Chinese.

    Args:
        result: As of `analyse.paths`.
        folder: Made where it is absent.

    Returns:
        The files' names.

    Raises:
        InputError: The folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"There can be no folder {folder} ({error.strerror}). Name another for --csv.") from error
    tables = {
        "paths_to_goal": _paths(result["paths"]["goal"]["top"]),
        "paths_to_leaving": _paths(result["paths"]["leaving"]["top"]),
        "transitions": list(_transitions(result["transitions"])),
        **{f"dwell_by_{mode.replace(':', '_')}": rows for mode, rows in result["dwell"].items()},
        **{f"movers_{unit}": list(_movers(found)) for unit, found in result["movers"].items()},
    }
    names = []
    for name, rows in tables.items():
        if rows:
            with (folder / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            names.append(f"{name}.csv")
    return names


def arrow(steps: list[str]) -> str:
    """Steps as one text.

    >>> arrow(["view", "cart"])
    'view → cart'
    """
    return " → ".join(steps)


def _paths(paths: list[Row]) -> list[Row]:
    return [
        path | {"steps": arrow(path["steps"]), "events": arrow([f"{size:g}" for size in path["events"]])}
        for path in paths
    ]


def _transitions(found: dict[str, Any]) -> Iterator[Row]:
    for before, counts, rates in zip(found["before"], found["counts"], found["rates"], strict=True):
        for after, n, rate in zip(found["after"], counts, rates, strict=True):
            if n:
                yield {"before": before, "after": after, "n": n, "rate": rate}


def _movers(found: dict[str, Any]) -> Iterator[Row]:
    for row in [*found["steps"], *found["pairs"]]:
        yield row | {"steps": arrow(row["steps"]), "removal": row.get("removal")}
