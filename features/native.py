"""Machine code made once and loaded without its compiler.

numba takes 0.7 s of a process's start (0.2 s to import, 0.5 s to load its own cache of this kernel, half of that for a
linear algebra that we do not use). So what it compiles is kept as an object file, and loaded with llvmlite alone, which takes
0.03 s. The file's name is a digest of the sources, the compiler and the processor: it cannot be stale, and two machines
may share a folder. `NUMBA_DISABLE_JIT=1` runs the same functions in the interpreter.
"""

import ctypes
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import pyarrow as pa

SOURCES: Final = (
    "native.py", "entries.py", "kernel.py", "kernel_sweep.py", "kernel_groups.py", "kernel_runs.py", "kernel_ends.py",
    "kernel_calendar.py", "kernel_texts.py", "places.py", "lower.py", "events.py",
)  # fmt: skip
"""All that the machine code rests on."""
ENTRIES: Final = {
    "run": ("kernel", "run"),
    "calendar": ("kernel_calendar", "fill"),
    "digest": ("kernel_texts", "digest"),
    "localise": ("kernel_texts", "localise"),
    "gather": ("kernel_texts", "gather"),
}
"""The module and function behind each entry."""
REFERENCE: Final = re.compile(r"^\s*(tail )?call void @NRT_(inc|dec)ref\(.*\n", re.MULTILINE)
"""A count of references kept to an array: ours own no memory, and such calls were a third of a row's time."""
FUNCTION: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
RUNTIME: Final = ("NRT_", "numba_")
"""Beginnings of the names of numba's runtime, which its code calls where it raises or frees. Ours does neither, and holds
no reference to arrays; but the linker wants an address."""


def address(array: np.ndarray) -> int:
    """Where the array's memory begins."""
    place: int = pa.py_buffer(array).address  # numpy's own ways take seven times as long
    return place


def rows_of(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """(n, 3) int64: address, length and second length (1 where there is none) of every C-contiguous array."""
    flat: list[int] = []
    for array in arrays:
        flat += (address(array), len(array), array.shape[1] if array.ndim > 1 else 1)
    return np.array(flat, np.int64).reshape(-1, 3)


def call(name: str, arrays: Sequence[np.ndarray], first: int, last: int) -> None:
    """Call an entry with C-contiguous arrays of the types that `entries.py` says, and two whole numbers."""
    if interpreted():
        module, function = ENTRIES[name]
        getattr(import_module(f".{module}", __package__), function)(*arrays, first, last)
    else:
        call_rows(name, rows_of(arrays), first, last)


def call_rows(name: str, rows: np.ndarray, first: int, last: int) -> None:
    """Call an entry with arrays described as by `rows_of`; the caller keeps them alive."""
    load()[name](address(rows), len(rows), first, last)


@cache
def interpreted() -> bool:
    """Should the interpreter run the kernel, for debugging or for tests that change its text?"""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") == "1"


@cache
def load() -> dict[str, Callable[[int, int, int, int], None]]:
    """The compiled entries, each called with the address of `rows_of`, its length, and two whole numbers.

    They hold no lock of the interpreter. The caller keeps the arrays alive.
    """
    with _LOADING:  # threads that come at the same time load it once
        return _load()


_LOADING: Final = Lock()


@cache
def _load() -> dict[str, Callable[[int, int, int, int], None]]:
    import llvmlite.binding as llvm  # type: ignore[import-untyped]

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )
    name = f"kernel-{_digest(llvm)}.o"
    needed, code = _kept(name) or _keep(name, *_compile(llvm, machine))
    library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    stop = ctypes.cast(ctypes.CDLL(None).abort, ctypes.c_void_p).value
    for symbol in needed:
        library.import_symbol(symbol, stop)
    for entry in ENTRIES:
        library.export_symbol(_symbol(entry))
    compiler = llvm.create_lljit_compiler(machine)
    tracker = library.link(compiler, "intently")
    _HELD.append((compiler, tracker))
    return {entry: FUNCTION(tracker[_symbol(entry)]) for entry in ENTRIES}


_HELD: Final[list[Any]] = []
"""Keeps the code in memory as long as the process lives."""


def _symbol(name: str) -> str:
    return f"intently_{name}"


def _compile(llvm: Any, machine: Any) -> tuple[list[str], bytes]:
    """The names of the runtime that are needed, and the object file of all entries."""
    entries = _compiled()
    whole = llvm.parse_assembly("")
    for name in ENTRIES:
        function = entries.ENTRIES[name]
        text = REFERENCE.sub("", function.inspect_llvm().replace(f"@{function.native_name}(", f"@{_symbol(name)}("))
        whole.link_in(llvm.parse_assembly(text))
    for function in whole.functions:
        if not function.is_declaration and function.name not in map(_symbol, ENTRIES):
            function.linkage = "internal"  # so that a function called once becomes part of its caller
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        whole, llvm.create_pass_builder(machine, options)
    )
    needed = [f.name for f in whole.functions if f.is_declaration and f.name.startswith(RUNTIME)]
    return needed, machine.emit_object(whole)


def _compiled() -> Any:
    """The module of entries, which compiles as it is imported.

    numba lets a negative index count from an array's end, and looks at every index for that: a quarter of a row's time. The
    kernel has no negative index.
    """
    from numba import types
    from numba.np import arrayobj

    def as_it_is(context: Any, builder: Any, kind: Any, index: Any, _size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp)

    wrapping, arrayobj.fix_integer_index = arrayobj.fix_integer_index, as_it_is
    try:
        from . import entries
    finally:
        arrayobj.fix_integer_index = wrapping
    return entries


def _digest(llvm: Any) -> str:
    import llvmlite

    numba = find_spec("numba")  # its version without importing it
    assert numba is not None
    assert numba.origin is not None
    versions = Path(numba.origin).with_name("_version.py").read_text()
    known = [versions, llvmlite.__version__, np.__version__, llvm.get_process_triple()]
    known += [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    digest = hashlib.sha256("\0".join(known).encode())
    for name in SOURCES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:24]


def _folders() -> list[Path]:
    """Where object files are kept: `NUMBA_CACHE_DIR`, beside the sources, or the user's cache."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "intently"
    return [Path(chosen)] if chosen else [Path(__file__).parent / "__pycache__", user]


def _kept(name: str) -> tuple[list[str], bytes] | None:
    """What `_keep` wrote, None where it did not or where the file is damaged."""
    for folder in _folders():
        try:
            head, code = (folder / name).read_bytes().split(b"\n", 1)
        except (OSError, ValueError):
            continue
        digest, *needed = head.decode(errors="replace").split(" ")
        if hashlib.sha256(code).hexdigest() == digest:
            return needed, code
    return None


def _keep(name: str, needed: list[str], code: bytes) -> tuple[list[str], bytes]:
    """Write it into the first folder that allows it, whole or not at all, and give it back."""
    head = " ".join([hashlib.sha256(code).hexdigest(), *needed])
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                file.write(head.encode() + b"\n" + code)
            Path(file.name).chmod(0o644)
            Path(file.name).replace(folder / name)
        except OSError:
            continue
        break
    return needed, code
