"""Golden rows: invented histories with the answers that a bundle gave when it was written, to be given again when it is loaded.

No person is in them: a seeded generator makes the histories, over every kind, with an empty one, one event only, and a
heavy one. Beside them stand probes, the golden feature rows with every column shuffled by itself, which reach leaves of the
boosters that plausible histories do not. Answers must be equal to 1e-9: the last place of a logarithm differs between
processors' mathematical libraries, and the bytes themselves are the digests' business.
"""

import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import dated
from features.algebra import Attribute
from features.dated import Dated
from features.errors import DamagedError
from features.events import CODED_FIELDS, DAY, FIXED_POINT, HOUR, NULL, NUMBER_FIELDS
from features.histories import Codes, Histories
from features.matrix import Matrix, evaluate
from features.program import Program
from features.runs import bounds_of

from .model import Model

NOW: Final = 1_750_000_000_000_000
"""The instant at which golden histories are read: 2025-06-15T15:06:40Z."""
PERSONS: Final = 96
HEAVY: Final = 3000
PROBES: Final = 400
TOLERANCE: Final = 1e-9
SCALES: Final = {"value": 50.0, "quantity": 2.0, "discount": 5.0, "rating": 4.0}


@dataclass(frozen=True, slots=True)
class Golden:
    """What a bundle must answer.

    Attributes:
        histories: Invented persons.
        names: (k,) columns of the program.
        values: (n, k) float64 answers at `NOW`; NaN in categorical columns.
        texts: Categorical column to its (n,) answers.
        shuffles: (m, k) places of golden rows: probe i takes column j from golden row `shuffles[i, j]`.
        scores: Target to (n, c) probabilities of the golden rows.
        probed: Target to (m, c) probabilities of the probes, each taken as in the cohort.
    """

    histories: Histories
    names: tuple[str, ...]
    values: np.ndarray
    texts: dict[str, list[str | None]]
    shuffles: np.ndarray
    scores: dict[str, np.ndarray]
    probed: dict[str, np.ndarray]


def invent(n_kinds: int, seed: int, words: Mapping[str, list[str]], asked: Collection[Attribute] = ()) -> Histories:
    """Histories of `PERSONS` invented persons around `NOW`, some of it too old, too late, or arrived too late.

    Args:
        n_kinds: Number of kinds; each occurs.
        seed: Of the generator.
        words: Coded field, or `table.field` of an attribute, to texts that may occur in it, beside invented ones.
        asked: Attributes that are invented too.
    """
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([[0, 1, HEAVY], np.round(np.exp(rng.uniform(0, np.log(300), PERSONS - 3)))]).astype(np.int64)
    m = int(sizes.sum())
    person = np.repeat(np.arange(PERSONS), sizes)
    since = rng.choice([2, 14, 60, 200, 430], PERSONS)[person] * DAY
    session = rng.integers(0, 1 << 30, m) // (1 << 24)  # events gather in up to 64 sessions a person
    ts = NOW - (since * ((session * 37 % 64 + 1) / 64)).astype(np.int64) + rng.integers(0, HOUR, m)
    kind = np.where(rng.random(m) < 0.6, rng.choice([0, 2, 4, 6], m), rng.integers(0, n_kinds, m))
    kind = np.where(rng.random(PERSONS)[person] < 0.2, 6, kind)  # some only buy
    kind[1 : n_kinds + 1] = np.arange(n_kinds)  # every kind occurs
    order = np.lexsort((ts, person))
    ts, kind = ts[order], kind[order].astype(np.int8)
    late = ts + np.where(rng.random(m) < 0.05, rng.integers(0, 3 * DAY, m), 0)
    offsets = bounds_of(sizes)
    numbers = {}
    for name in NUMBER_FIELDS:
        drawn = (
            rng.lognormal(0, 0.6, m) * SCALES.get(name, 0) * FIXED_POINT
            if name != "dwell"
            else rng.exponential(30_000, m)
        )
        numbers[name] = np.where(rng.random(m) < 0.1, NULL, np.round(drawn).astype(np.int64))
    coded = {
        name: _codes(rng, offsets, [*words.get(name, []), *(f"{name}-{i}" for i in range(8))]) for name in CODED_FIELDS
    }
    return Histories(
        users=pa.array([f"golden-{i:03}" for i in range(PERSONS)]),
        offsets=offsets,
        ts=ts,
        arrived=late,
        kind=kind,
        key_hi=np.zeros(m, np.int64),
        key_lo=np.arange(m, dtype=np.int64),
        numbers=numbers,
        coded=coded,
        attributes={
            table: _known(np.random.default_rng(seed + 2), [one for one in asked if one.table == table], words)
            for table in sorted({one.table for one in asked})
        }
        or None,
    )


def _known(rng: np.random.Generator, asked: list[Attribute], words: Mapping[str, list[str]]) -> Dated:
    """Up to three rows a person, some of them not valid yet, each field in two of three."""
    person = np.repeat(np.arange(PERSONS), rng.integers(0, 4, PERSONS))
    valid_from = np.where(rng.random(len(person)) < 0.3, NULL, NOW + rng.integers(-400, 30, len(person)) * DAY)
    rows = []
    for _ in range(len(person)):
        row: dict[str, Any] = {}
        for one in asked:
            texts = [*words.get(f"{one.table}.{one.field}", []), *(f"{one.field}-{i}" for i in range(4))]
            value = texts[rng.integers(0, len(texts))] if one.type == "text" else round(float(rng.normal(30, 20)), 1)
            if rng.random() < 0.67:
                row[one.field] = value
        rows.append(json.dumps(row, ensure_ascii=False))
    return dated.of(PERSONS, person, valid_from, pa.array(rows, pa.string()))


def _codes(rng: np.random.Generator, offsets: np.ndarray, words: list[str]) -> Codes:
    """Each person's events draw from up to 5 of the words, skewed, one in ten null."""
    codes, values, sizes = [], [], []
    for size in np.diff(offsets):
        own = rng.choice(len(words), min(5, len(words)), replace=False)
        drawn = np.minimum(rng.geometric(0.5, size) - 1, len(own) - 1)
        drawn[rng.random(size) < 0.1] = -1
        seen = list(dict.fromkeys(drawn[drawn >= 0].tolist()))  # codes count from 0 in order of first appearance
        place = np.full(len(own) + 1, -1, np.int32)
        place[seen] = np.arange(len(seen))
        codes.append(place[drawn])
        values += [words[own[code]] for code in seen]
        sizes.append(len(seen))
    return Codes(np.concatenate(codes).astype(np.int32), bounds_of(np.array(sizes)), pa.array(values, pa.string()))


def read(program: Program, histories: Histories, now: int) -> Matrix:
    """One row a person at `now`, in the order of the histories."""
    n = len(histories)
    return evaluate(program, histories, np.arange(n, dtype=np.int64), np.full(n, now, np.int64))


def make(program: Program, n_kinds: int, models: Mapping[str, Model], seed: int = 0) -> Golden:
    """Golden rows, as the program and the models answer now."""
    words: dict[str, list[str]] = {}
    for model in models.values():
        for name, vocabulary in model.vocabularies.items():
            words.setdefault(program.categorical[name], []).extend(sorted(vocabulary, key=vocabulary.__getitem__)[:12])
    asked = [one for one in program.outside.values() if isinstance(one, Attribute)]
    some = {field: list(dict.fromkeys(texts))[:24] for field, texts in words.items()}
    histories = invent(n_kinds, seed, some, asked)
    matrix = read(program, histories, NOW)
    shuffles = np.random.default_rng(seed + 1).integers(0, PERSONS, (PROBES, len(matrix.names)))
    texts = {name: column.to_pylist() for name, column in matrix.texts.items()}
    values = _plain(matrix)
    probes = probes_of(matrix.names, values, texts, shuffles)
    return Golden(
        histories,
        matrix.names,
        values,
        texts,
        shuffles,
        {name: model.predict(matrix) for name, model in models.items()},
        {name: model.predict(probes) for name, model in models.items()},
    )


def _plain(matrix: Matrix) -> np.ndarray:
    """The values, NaN in categorical columns, whose codes are a matrix's own."""
    values = matrix.values.copy()
    values[:, [name in matrix.texts for name in matrix.names]] = np.nan
    return values


def probes_of(
    names: tuple[str, ...], values: np.ndarray, texts: Mapping[str, list[str | None]], shuffles: np.ndarray
) -> Matrix:
    """Rows with each column drawn by itself, all in every cohort."""
    drawn = np.take_along_axis(values, shuffles, axis=0)
    for j, name in enumerate(names):
        if name.startswith("cohort:"):
            drawn[:, j] = 1.0
    mixed: dict[str, pa.Array] = {}
    for name, column in texts.items():
        mixed[name] = pa.array([column[i] for i in shuffles[:, names.index(name)]], pa.string())
        codes = mixed[name].dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.float64)
        drawn[:, names.index(name)] = codes
    n = len(shuffles)
    return Matrix(
        person=np.arange(n, dtype=np.int64), cutoff=np.full(n, NOW, np.int64), names=names, values=drawn, texts=mixed
    )


def check(golden: Golden, program: Program, models: Mapping[str, Model]) -> None:
    """Answer the golden rows again.

    Raises:
        DamagedError: An answer is another, or differs between a row alone and the row in a batch.
    """
    matrix = read(program, golden.histories, NOW)
    if matrix.names != golden.names:
        raise DamagedError("The golden rows have other features than the bundle's program: train again.")
    values = _plain(matrix)
    for j, name in enumerate(matrix.names):
        _same(f"feature {name}", golden.values[:, j], values[:, j])
        if name in matrix.texts and matrix.texts[name].to_pylist() != golden.texts[name]:
            raise DamagedError(f"Golden rows: feature {name} answers other texts than when the bundle was written.")
    probes = probes_of(golden.names, golden.values, golden.texts, golden.shuffles)
    for name, model in models.items():
        scores = model.predict(matrix)
        _same(f"target {name}", golden.scores[name], scores)
        _same(f"target {name}, probes", golden.probed[name], model.predict(probes))
        _alone(name, model, matrix, scores)


def _alone(name: str, model: Model, matrix: Matrix, scores: np.ndarray) -> None:
    """Rows by themselves answer as in the batch, to the bit, and their contributions sum to the raw score."""
    for row in range(0, len(scores), 7):
        if not np.array_equal(model.predict(matrix.take(np.array([row])))[0], scores[row], equal_nan=True):
            raise DamagedError(f"Target {name} answers a row alone otherwise than in a batch on this machine.")
    total, raw = model.accounts(matrix, np.arange(0, len(scores), 16))
    if not np.allclose(total, raw, rtol=1e-6, atol=1e-6):
        raise DamagedError(f"Target {name}: contributions do not sum to the raw score.")


def _same(what: str, expected: np.ndarray, found: np.ndarray) -> None:
    if not np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        far = np.nanmax(np.abs(found - expected))
        raise DamagedError(
            f"Golden rows: {what} answers otherwise than when the bundle was written (by up to {far:.2g})."
        )


def to_bytes(golden: Golden) -> bytes:
    """An `.npz` of plain arrays, the same bytes for the same rows."""
    h = golden.histories
    arrays: dict[str, Any] = {
        "users": np.array(h.users.to_pylist()), "offsets": h.offsets, "ts": h.ts, "arrived": h.arrived, "kind": h.kind,
        "key_hi": h.key_hi, "key_lo": h.key_lo, "names": np.array(golden.names), "values": golden.values,
        "shuffles": golden.shuffles,
    }  # fmt: skip
    arrays |= {f"number/{name}": column for name, column in h.numbers.items()}
    for name, codes in h.coded.items():
        arrays |= {f"codes/{name}": codes.codes, f"bounds/{name}": codes.offsets}
        arrays[f"words/{name}"] = np.array(codes.values.to_pylist(), np.str_)
    for name, known in (h.attributes or {}).items():
        arrays |= {f"known_bounds/{name}": known.offsets, f"known_from/{name}": known.valid_from}
        arrays[f"known_texts/{name}"] = np.array(known.texts.to_pylist(), np.str_)
    for name, texts in golden.texts.items():
        arrays[f"text/{name}"] = np.array([text or "" for text in texts], np.str_)
        arrays[f"null/{name}"] = np.array([text is None for text in texts])
    arrays |= {f"score/{name}": scores for name, scores in golden.scores.items()}
    arrays |= {f"probe/{name}": scores for name, scores in golden.probed.items()}
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def from_bytes(data: bytes) -> Golden:
    """The golden rows of such bytes."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}

    def under(head: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(head): array for name, array in arrays.items() if name.startswith(head)}

    bounds, words = under("bounds/"), under("words/")
    since, known = under("known_from/"), under("known_texts/")
    histories = Histories(
        users=pa.array(arrays["users"].tolist(), pa.string()),
        offsets=arrays["offsets"],
        ts=arrays["ts"],
        arrived=arrays["arrived"],
        kind=arrays["kind"],
        key_hi=arrays["key_hi"],
        key_lo=arrays["key_lo"],
        numbers=under("number/"),
        coded={n: Codes(c, bounds[n], pa.array(words[n].tolist(), pa.string())) for n, c in under("codes/").items()},
        attributes={
            n: Dated(offsets, since[n], pa.array(known[n].tolist(), pa.string()))
            for n, offsets in under("known_bounds/").items()
        }
        or None,
    )
    null = under("null/")
    texts = {
        n: [None if empty else str(text) for text, empty in zip(column, null[n], strict=True)]
        for n, column in under("text/").items()
    }
    names = tuple(arrays["names"].tolist())
    return Golden(histories, names, arrays["values"], texts, arrays["shuffles"], under("score/"), under("probe/"))
