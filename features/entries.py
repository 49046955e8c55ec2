"""What `native.py` compiles: the functions that are called from outside, by address.

Each takes the address of a table of arrays (a row an array: address, length, second length), and two whole numbers. Only
`native.py` imports this module, and only where the machine code has to be made anew.
"""

from typing import Final

from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

from . import kernel, kernel_calendar, kernel_texts


def _pointer(to: types.Type):  # type: ignore[no-untyped-def]
    """A compiled function from an address to a pointer."""

    @intrinsic
    def pointer(_context, _address):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(to)(types.int64), build

    return pointer


_int8s, _int16s, _int32s = _pointer(types.int8), _pointer(types.int16), _pointer(types.int32)
_int64s, _float64s = _pointer(types.int64), _pointer(types.float64)
_uint8s, _uint64s = _pointer(types.uint8), _pointer(types.uint64)


@njit
def _ints(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_int64s(arrays[i, 0]), (arrays[i, 1],))


@njit
def _ints2(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_int64s(arrays[i, 0]), (arrays[i, 1], arrays[i, 2]))


@njit
def _floats(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_float64s(arrays[i, 0]), (arrays[i, 1],))


@njit
def _floats2(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_float64s(arrays[i, 0]), (arrays[i, 1], arrays[i, 2]))


@njit
def _shorts2(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_int16s(arrays[i, 0]), (arrays[i, 1], arrays[i, 2]))


@njit
def _words(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_int32s(arrays[i, 0]), (arrays[i, 1],))


@njit
def _words2(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_int32s(arrays[i, 0]), (arrays[i, 1], arrays[i, 2]))


@njit
def _bytes(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_int8s(arrays[i, 0]), (arrays[i, 1],))


@njit
def _octets(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_uint8s(arrays[i, 0]), (arrays[i, 1],))


@njit
def _unsigned(arrays, i):  # type: ignore[no-untyped-def]
    return carray(_uint64s(arrays[i, 0]), (arrays[i, 1],))


SIGNATURE: Final = types.void(types.CPointer(types.int64), types.int64, types.int64, types.int64)
OPTIONS: Final = {"nopython": True, "error_model": "numpy"}


@cfunc(SIGNATURE, **OPTIONS)
def run(address, n_arrays, first, last):  # type: ignore[no-untyped-def]
    """`kernel.run` on rows `first` to `last`."""
    a = carray(address, (n_arrays, 3))
    kernel.run(
        _ints(a, 0), _ints(a, 1), _ints(a, 2), _ints(a, 3), _ints2(a, 4), _ints(a, 5), _ints2(a, 6), _ints2(a, 7),
        _shorts2(a, 8), _ints2(a, 9), _ints2(a, 10), _ints2(a, 11), _ints2(a, 12), _ints2(a, 13), _ints2(a, 14),
        _ints2(a, 15), _ints2(a, 16), _ints2(a, 17), _ints2(a, 18), _ints2(a, 19), _floats2(a, 20), _ints(a, 21),
        _ints(a, 22), _ints(a, 23), _ints(a, 24), _bytes(a, 25), _ints2(a, 26), _words2(a, 27),
        _ints(a, 28), _ints2(a, 29), _ints2(a, 30), _ints(a, 31), _ints2(a, 32), _ints(a, 33), _ints(a, 34), _floats2(a, 35),
        _ints(a, 36), _ints(a, 37), _ints2(a, 38), _ints(a, 39), _floats(a, 40), _ints2(a, 41), _floats2(a, 42),
        first, last,
    )  # fmt: skip


@cfunc(SIGNATURE, **OPTIONS)
def calendar(address, n_arrays, first, last):  # type: ignore[no-untyped-def]
    """`kernel_calendar.fill` for persons `first` to `last`."""
    a = carray(address, (n_arrays, 3))
    kernel_calendar.fill(_ints(a, 0), _ints(a, 1), _ints(a, 2), _ints(a, 3), _ints(a, 4), _words2(a, 5), first, last)


@cfunc(SIGNATURE, **OPTIONS)
def digest(address, n_arrays, first, last):  # type: ignore[no-untyped-def]
    """`kernel_texts.digest`."""
    a = carray(address, (n_arrays, 3))
    kernel_texts.digest(_ints(a, 0), _octets(a, 1), _unsigned(a, 2), _unsigned(a, 3), first, last)


@cfunc(SIGNATURE, **OPTIONS)
def localise(address, n_arrays, first, last):  # type: ignore[no-untyped-def]
    """`kernel_texts.localise`."""
    a = carray(address, (n_arrays, 3))
    kernel_texts.localise(_ints(a, 0), _words(a, 1), _words(a, 2), _words(a, 3), _words(a, 4), _ints(a, 5), first, last)


@cfunc(SIGNATURE, **OPTIONS)
def gather(address, n_arrays, first, last):  # type: ignore[no-untyped-def]
    """`kernel_texts.gather`."""
    a = carray(address, (n_arrays, 3))
    kernel_texts.gather(_octets(a, 0), _ints(a, 1), _ints(a, 2), _ints(a, 3), _octets(a, 4), first, last)


ENTRIES: Final = {"run": run, "calendar": calendar, "digest": digest, "localise": localise, "gather": gather}
