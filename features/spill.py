"""Tables that come in chunks, put aside by bucket: in memory while small, in Arrow files inside the workspace beyond that."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa

BUDGET: Final = 256 << 20
"""Bytes held in memory before they go to disk."""


class Spill:
    """A context: what was put aside is gone when it ends, and the next one clears what a killed process left.

    Args:
        folder: Where files may lie, on the workspace's own disk; the caller holds the writer's lock.
        budget: Bytes held in memory.
    """

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder = folder / ".spill"
        self._budget = budget
        self._held: dict[int, list[pa.Table]] = {}
        self._size = 0
        self._files: dict[int, Any] = {}

    def __enter__(self) -> "Spill":
        shutil.rmtree(self._folder, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, rows: pa.Table, bucket: np.ndarray) -> None:
        """Put rows aside.

        Args:
            rows: All of one schema.
            bucket: (n,) bucket of every row.
        """
        if not len(rows):
            return
        order = np.argsort(bucket.astype(np.uint16), kind="stable")  # a radix sort at 16 bits
        ordered = rows.take(pa.array(order)).combine_chunks()
        present, first = np.unique(bucket[order], return_index=True)
        for b, start, stop in zip(present, first, [*first[1:], len(rows)], strict=True):
            self._held.setdefault(int(b), []).append(ordered.slice(int(start), int(stop - start)))
        self._size += ordered.nbytes
        if self._size > self._budget:
            self._flush()

    def buckets(self) -> list[int]:
        """The buckets that hold anything, in order."""
        return sorted({*self._held, *self._files})

    def drain(self) -> Iterator[tuple[int, pa.Table]]:
        """Every bucket and its rows, in the order in which they came; a bucket's room is freed when it has been read."""
        buckets = self.buckets()
        spilled = set(self._files)
        self._close()
        for bucket in buckets:
            tables = self._held.pop(bucket, [])
            path = self._folder / f"{bucket}.arrow"
            if bucket in spilled:
                with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                    tables.insert(0, stream.read_all())
                path.unlink()
            yield bucket, pa.concat_tables(tables).combine_chunks()

    def _flush(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for bucket, tables in self._held.items():
            if bucket not in self._files:
                sink = pa.OSFile(str(self._folder / f"{bucket}.arrow"), "wb")
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                self._files[bucket] = (sink, pa.ipc.new_stream(sink, tables[0].schema, options=options))
            for table in tables:
                self._files[bucket][1].write_table(table)
        self._held, self._size = {}, 0

    def _close(self) -> None:
        for sink, writer in self._files.values():
            writer.close()
            sink.close()
        self._files = {}
