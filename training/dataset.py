"""Rows to learn from: person × cutoff, features looking back, labels looking forward, one bucket of the log at a time.

Rows are sorted by the person's hash and the cutoff, so that the same log gives the same rows in the same order however it
was ingested. A part with more rows than a cap keeps those whose own hash is small: the same rows every time.

Consent is the stricter of the cutoff's and today's: nothing is learned from what may not be seen now. Ids that are one person at a
cutoff have one row, and its label is what that person did by what is known of identity at last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import views
from features.algebra import Feature
from features.catalogue import Catalogue
from features.hashing import hash128
from features.histories import Histories
from features.log import EventLog
from features.matrix import Matrix, evaluate, grid
from features.program import Program, compile_program
from features.progress import track
from features.traits import is_text
from features.workspace import Facts
from models.targets import Target

from .baselines import NAMES, QUESTIONS
from .split import PARTS, Split

MOST_WORDS: Final = 255
"""Values that a vocabulary holds; rarer ones count as missing."""

LEAST_ROWS: Final = 20
"""Training rows that a value needs to enter a vocabulary."""


@dataclass(frozen=True, slots=True)
class Part:
    """r rows of one part.

    Attributes:
        values: (r, k) float32 model input; a categorical column holds codes, NaN is missing.
        labels: (r,) int64 class, its place in the target's classes.
        users: (r,) int64 hash of the row's person.
        cutoff: (r,) int64 microseconds UTC.
        baselines: (r, len(NAMES)) float64 answers to the baselines' questions.
    """

    values: np.ndarray
    labels: np.ndarray
    users: np.ndarray
    cutoff: np.ndarray
    baselines: np.ndarray


@dataclass(frozen=True, slots=True)
class Dataset:
    """All parts of one target.

    Attributes:
        names: (k,) features, those that are the same in every training row left out.
        vocabularies: Categorical feature to its codes by text, from the training rows.
        parts: By name: `train`, `calibrate`, `test`.
        eligible: Rows that each part would have unsampled.
        notes: On what was sampled or left out.
    """

    names: tuple[str, ...]
    vocabularies: dict[str, dict[str, int]]
    parts: dict[str, Part]
    eligible: dict[str, int]
    notes: tuple[str, ...]

    @property
    def memory(self) -> dict[str, Any]:
        """Number of features, and of each part: rows, rows before sampling, and MiB of its matrix."""
        parts = {
            name: {"rows": len(part.labels), "of": self.eligible[name], "mib": round(part.values.nbytes / 2**20, 1)}
            for name, part in self.parts.items()
        }
        return {"features": len(self.names), **parts}


@dataclass(frozen=True, slots=True)
class Gathered:
    """Rows before their texts are coded: (r, n) numbers as float32, texts by name, the rest as in `Part`."""

    numbers: np.ndarray
    texts: dict[str, pa.ChunkedArray]
    labels: np.ndarray
    user_hi: np.ndarray
    user_lo: np.ndarray
    cutoff: np.ndarray
    baselines: np.ndarray


@dataclass(frozen=True, slots=True)
class Reader:
    """Programs of one target, and how to run them over a log.

    Attributes:
        target: What is to be foreseen.
        cohort: Who is eligible.
        questions: The target's, forward.
        features: The selected ones and the baselines'.
        numbers: Selected features that are numbers.
        texts: Selected features that are texts.
    """

    target: Target
    cohort: Program
    questions: Program
    features: Program
    numbers: tuple[str, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, target: Target, selected: Catalogue, facts: Facts, sources: Path | None = None) -> "Reader":
        """Compile for a shop; `sources` as `compile_program` takes them."""

        def program(features: Mapping[str, Feature]) -> Program:
            return compile_program(
                features,
                kinds=facts.kinds,
                retention_days=facts.retention_days,
                timezone=facts.timezone,
                sources=sources,
            )

        return cls(
            target=target,
            cohort=program(target.backward),
            questions=program(target.questions),
            features=program(selected.features | QUESTIONS),
            numbers=tuple(name for name, f in selected.features.items() if not is_text(f)),
            texts=tuple(name for name, f in selected.features.items() if is_text(f)),
        )

    def eligible(self, histories: Histories, cutoffs: tuple[int, ...]) -> Matrix:
        """Every row in the cohort, by person then cutoff, with the target's `backward` answers."""
        person, cutoff = grid(len(histories), cutoffs)
        kept = views.own(histories, person, cutoff)
        known = evaluate(self.cohort, histories, person[kept], cutoff[kept])
        return known.take(self.target.eligible(known))

    def count(self, log: EventLog, split: Split) -> dict[str, int]:
        """Rows in the cohort, by part."""
        cutoffs = all_cutoffs(split)
        rows = np.zeros(len(cutoffs), np.int64)
        for bucket in track("Counting rows", log.buckets()):
            known = self.eligible(views.strict(log.read(bucket, self.cohort.fields, ())), cutoffs)
            rows += np.bincount(np.searchsorted(cutoffs, known.cutoff), minlength=len(cutoffs))
        return {name: int(rows[np.isin(cutoffs, getattr(split, name))].sum()) for name in PARTS}

    def parts(self, log: EventLog, split: Split, share: Mapping[str, float]) -> dict[str, Gathered]:
        """Each part's rows, of which a share is kept, sorted by person and cutoff."""
        cutoffs = all_cutoffs(split)
        fields = self.cohort.fields | self.questions.fields | self.features.fields
        found: dict[str, list[Gathered]] = {name: [] for name in PARTS}
        for bucket in track(f"Reading {self.target.name}", log.buckets()):
            histories = log.informed(log.read(bucket, fields, self.features.texts), self.features.attributes)
            histories = views.strict(histories)
            hashes = hash128(histories.users)
            known = self.eligible(histories, cutoffs)
            lot = lots(hashes[1][known.person], known.cutoff)
            for name in PARTS:
                kept = np.isin(known.cutoff, getattr(split, name)) & (lot < share[name])
                found[name].append(self._gather(histories, hashes, known.take(kept)))
        return {name: joined(blocks) for name, blocks in found.items()}

    def _gather(self, histories: Histories, hashes: tuple[np.ndarray, np.ndarray], known: Matrix) -> Gathered:
        """The rows of (person, cutoff) of whom this is known."""
        person, cutoff = known.person, known.cutoff
        matrix = evaluate(self.features, histories, person, cutoff)
        return Gathered(
            numbers=matrix.model_input(self.numbers, {}),
            texts={name: pa.chunked_array([matrix.texts[name].dictionary_encode()]) for name in self.texts},
            labels=self.target.labels(evaluate(self.questions, histories, person, cutoff), known),
            user_hi=hashes[0][person],
            user_lo=hashes[1][person],
            cutoff=cutoff,
            baselines=np.column_stack([matrix.column(name) for name in NAMES]),
        )


def all_cutoffs(split: Split) -> tuple[int, ...]:
    """Every part's cutoffs, ascending, each once."""
    return tuple(sorted({cutoff for name in PARTS for cutoff in getattr(split, name)}))


def lots(users: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
    """(r,) float64 in [0, 1): a row's own lot, from its person's hash and cutoff (the finaliser of MurmurHash3)."""
    mixed = users.astype(np.uint64) ^ (cutoff.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed ^= mixed >> np.uint64(33)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(33)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def growing(users: np.ndarray, cutoff: np.ndarray, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """(r,) bool twice: the training rows that trees are grown on while their number is found, and those that end it.

    A split without a tail, or without a row in it, holds out a quarter of the users instead.
    """
    grow, stop = np.isin(cutoff, split.grow), np.isin(cutoff, split.stop)
    if not (grow.any() and stop.any()):
        stop = lots(users, np.zeros_like(users)) < 0.25
        grow = ~stop
    return grow, stop


def build(log: EventLog, facts: Facts, selected: Catalogue, target: Target, split: Split, max_rows: int) -> Dataset:
    """Read a target's rows.

    Args:
        log: One snapshot of the event log.
        facts: Of the shop.
        selected: The features that the spec selects.
        target: What is to be foreseen, as this log can show it.
        split: Cutoffs by part.
        max_rows: Most rows a part, about; more are sampled.
    """
    reader = Reader.of(target, selected, facts, log.workspace.features)
    rows = reader.count(log, split)
    share = {name: min(1.0, max_rows / max(1, n)) for name, n in rows.items()}
    notes = [
        f"The {name} part has {rows[name]:,} rows; a sample of {share[name]:.1%} is used."
        for name in PARTS
        if share[name] < 1
    ]
    gathered = reader.parts(log, split, share)
    words = {name: vocabulary(gathered["train"].texts[name]) for name in reader.texts}
    varied = dict(zip(reader.numbers, varies(gathered["train"].numbers), strict=True))
    names = tuple(name for name in selected.names if varied.get(name) or len(words.get(name, ())) > 1)
    return Dataset(
        names=names,
        vocabularies={name: words[name] for name in reader.texts if name in names},
        parts={name: coded(part, reader.numbers, names, words) for name, part in gathered.items()},
        eligible=rows,
        notes=tuple(notes),
    )


def joined(blocks: list[Gathered]) -> Gathered:
    """All blocks' rows, sorted by person and cutoff."""
    hi, lo, cutoff = (np.concatenate([getattr(b, name) for b in blocks]) for name in ("user_hi", "user_lo", "cutoff"))
    order = np.lexsort((cutoff, lo, hi))
    chunks = {name: [chunk for b in blocks for chunk in b.texts[name].chunks] for name in blocks[0].texts}
    return Gathered(
        numbers=np.concatenate([b.numbers for b in blocks])[order],
        texts={name: pa.chunked_array(chunks[name]).unify_dictionaries().take(pa.array(order)) for name in chunks},
        labels=np.concatenate([b.labels for b in blocks])[order],
        user_hi=hi[order],
        user_lo=lo[order],
        cutoff=cutoff[order],
        baselines=np.concatenate([b.baselines for b in blocks])[order],
    )


def vocabulary(texts: pa.ChunkedArray) -> dict[str, int]:
    """Codes of a column's values, the commonest first, equals by text; rare values have none."""
    counts = texts.value_counts() if len(texts) else []
    found = [(row["values"].as_py(), row["counts"].as_py()) for row in counts]
    common = sorted((-n, text) for text, n in found if text is not None and n >= LEAST_ROWS)
    return {text: code for code, (_, text) in enumerate(common[:MOST_WORDS])}


def varies(numbers: np.ndarray) -> list[bool]:
    """Which of (r, n) columns have two different values, missing among them."""
    if not len(numbers):
        return [False] * numbers.shape[1]
    same = [np.isnan(column) if np.isnan(column[0]) else column == column[0] for column in numbers.T]
    return [not bool(column.all()) for column in same]


def coded(
    part: Gathered, numbers: tuple[str, ...], names: tuple[str, ...], words: Mapping[str, dict[str, int]]
) -> Part:
    """The part's columns `names`, texts as codes; the same numbers that `Matrix.model_input` gives."""
    place = {name: i for i, name in enumerate(numbers)}
    values = np.empty((len(part.labels), len(names)), np.float32)
    for i, name in enumerate(names):
        if name in place:
            values[:, i] = part.numbers[:, place[name]]
        else:
            codes = pc.index_in(part.texts[name].cast(pa.string()), pa.array(list(words[name]), pa.string()))
            values[:, i] = codes.cast(pa.float32()).fill_null(float("nan")).to_numpy()
    return Part(values, part.labels, part.user_lo, part.cutoff, part.baselines)
