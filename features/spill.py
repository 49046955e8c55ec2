"""Tables that come in chunks, put aside by bucket: in memory while small, in Arrow files inside the workspace beyond that.

Texts may come as dictionaries; each bucket's rows then keep the texts that they need, and no others, so that only codes are
moved about.
"""

import shutil
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .histories import encode

BUDGET: Final = 256 << 20
"""Bytes held in memory before they go to disk."""


class Spill:
    """A context: what was put aside is gone when it ends, and the next one clears what a killed process left.

    Args:
        folder: Where files may lie, on the workspace's own disk; the caller holds the writer's lock.
        budget: Bytes held in memory.

    Attributes:
        n_rows: Number of rows put aside.
    """

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder = folder / ".spill"
        self._budget = budget
        self._held: dict[int, list[pa.Table]] = {}
        self._size = 0
        self._files: dict[int, Any] = {}
        self._spilled: set[int] = set()
        self.n_rows = 0

    def __enter__(self) -> "Spill":
        shutil.rmtree(self._folder, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, rows: pa.Table, bucket: np.ndarray) -> None:
        """Put rows aside.

        Args:
            rows: All of one schema, each column one chunk.
            bucket: (n,) bucket of every row.
        """
        if not len(rows):
            return
        order = np.argsort(bucket.astype(np.uint16), kind="stable")  # a radix sort at 16 bits
        present, first = np.unique(bucket[order], return_index=True)
        bounds = np.append(first, len(rows))
        columns = [_parted(column.chunk(0), order, bounds) for column in rows.columns]
        for b, *pieces in zip(present.tolist(), *columns, strict=True):
            table = pa.Table.from_arrays(pieces, schema=rows.schema)
            self._held.setdefault(b, []).append(table)
            self._size += table.nbytes
        self.n_rows += len(rows)
        if self._size > self._budget:
            self._flush()

    def buckets(self) -> list[int]:
        """The buckets that hold anything, in order."""
        return sorted({*self._held, *self._spilled})

    def take(self, bucket: int) -> pa.Table:
        """A bucket's rows, in the order in which they came, each column one chunk; their room is freed.

        Threads may take several buckets at a time, after `end`.
        """
        tables = self._held.pop(bucket, [])
        if bucket in self._spilled:
            path = self._folder / f"{bucket}.arrow"
            with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
                tables.insert(0, stream.read_all())
            path.unlink()  # what is mapped stays until it has been copied
        return pa.concat_tables(tables).unify_dictionaries().combine_chunks()

    def end(self) -> None:
        """No more rows come: what lies on disk can be read."""
        for sink, writer in self._files.values():
            writer.close()
            sink.close()
        self._files = {}

    def _flush(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for bucket, tables in self._held.items():
            if bucket not in self._files:
                sink = pa.OSFile(str(self._folder / f"{bucket}.arrow"), "wb")
                self._files[bucket] = (sink, pa.ipc.new_stream(sink, tables[0].schema))
                self._spilled.add(bucket)
            for table in tables:
                self._files[bucket][1].write_table(table)
        self._held, self._size = {}, 0


def _parted(column: pa.Array, order: np.ndarray, bounds: np.ndarray) -> list[pa.Array]:
    """A column in another order, cut at the bounds; of a dictionary each piece keeps the texts that it needs."""
    spans = [(int(start), int(stop - start)) for start, stop in pairwise(bounds)]
    if column.null_count == len(column):
        return [column.slice(start, n) for start, n in spans]
    if not pa.types.is_dictionary(column.type):
        taken = pc.take(column, pa.array(order), boundscheck=False)
        return [taken.slice(start, n) for start, n in spans]
    if len(column.dictionary) * len(spans) <= len(column):  # so few that a choice would cost more than it saves
        indices = pc.take(column.indices, pa.array(order), boundscheck=False)
        dictionaries = [column.dictionary] * len(spans)
    else:
        own = encode(column, order, bounds)
        indices = pa.array(own.codes, mask=own.codes < 0 if column.null_count else None)
        starts, sizes = own.offsets[:-1].tolist(), np.diff(own.offsets).tolist()
        dictionaries = [own.values.slice(start, n) for start, n in zip(starts, sizes, strict=True)]
    return [
        pa.DictionaryArray.from_arrays(indices.slice(start, n), words, safe=False)
        for (start, n), words in zip(spans, dictionaries, strict=True)
    ]
