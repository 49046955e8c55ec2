"""Money and other numbers of events: units, currencies, price times quantity, refunds."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .columns import Context, numbers, texts, within
from .errors import InputError
from .events import NUMBER_FIELDS
from .mapping import MONEY
from .validate import Faults


def amounts_of(table: pa.Table, context: Context, ts: np.ndarray, faults: Faults) -> dict[str, np.ndarray]:
    """Number columns of events in our units: (n,) float64 each, NaN for nothing.

    Args:
        table: n rows of the source.
        context: What they are read by.
        ts: (n,) int64 microseconds UTC, which decide the rate of exchange.
        faults: Where to mark.

    Raises:
        InputError: Currencies are mixed.
    """
    mapping = context.mapping
    names: tuple[str, ...] = (*NUMBER_FIELDS, "price")
    amounts = {name: numbers(table, mapping, name, faults) for name in names if name in mapping.columns}
    for name in mapping.positive:
        if name in amounts:
            faults.mark(~(amounts[name] > 0), "not_positive", name)
    factors = exchange(table, context, ts, faults)
    if factors is not None:
        amounts |= {name: amounts[name] * factors for name in MONEY if name in amounts}
    price = amounts.pop("price", None)
    if price is not None:
        quantity = amounts.get("quantity")
        line = price if quantity is None else price * np.where(np.isnan(quantity), 1.0, quantity)
        if "price" not in mapping.units.scale:
            line = line * mapping.units.scale.get("value", 1.0)
        value = amounts.get("value")
        amounts["value"] = within(line if value is None else np.where(np.isnan(value), line, value), "value", faults)
    return amounts


def exchange(table: pa.Table, context: Context, ts: np.ndarray, faults: Faults) -> np.ndarray | None:
    """(n,) factor of every row's money to the workspace's currency; None where all is in it.

    Raises:
        InputError: Currencies are mixed, or not the workspace's, and the mapping has no rates.
    """
    mapping, money = context.mapping, context.money
    if "currency" not in mapping.columns or not any(name in mapping.columns for name in MONEY):
        return None
    encoded = texts(table, mapping, "currency")
    assert encoded is not None
    encoded = encoded if pa.types.is_dictionary(encoded.type) else encoded.dictionary_encode()
    words = pc.unique(encoded).drop_null().cast(pa.string()).to_pylist()
    target = mapping.units.currency or money.currency
    if not target and len(words) == 1:
        money.currency = target = words[0]
    foreign = sorted(word for word in words if word != target)
    if not foreign:
        return None
    if not mapping.units.rates:
        raise InputError(
            f"{context.where} has amounts in {', '.join(foreign)}"
            + (f", and the workspace is in {target}" if target else "")
            + ": sums over several currencies mean nothing. Give a mapping dated rates: "
            f'`[units]` `currency = "{target or foreign[0]}"`, `[units.rates]` `{foreign[-1]} = {{ 2024-01-01 = 7.1 }}`.'
        )
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    factors = np.ones(len(table))
    for place, word in enumerate(encoded.dictionary.to_pylist()):
        if word not in foreign:
            continue
        rates = mapping.units.rates.get(word, ())
        days, values = np.array([day for day, _ in rates], np.int64), np.array([np.nan, *(rate for _, rate in rates)])
        rows = places == place
        factors[rows] = values[np.searchsorted(days, ts[rows], side="right")]
    faults.mark(np.isnan(factors), "unknown_currency", "currency")
    return factors


def turn(amounts: dict[str, np.ndarray], kinds: pa.Array, kind: str) -> pa.Array:
    """The kinds, those of rows with a negative quantity or value being `kind`; their amounts are made positive, in place."""
    below = np.zeros(len(kinds), bool)
    for name in ("quantity", "value"):
        if name in amounts:
            below |= amounts[name] < 0
    for name in ("quantity", "value", "discount"):
        if name in amounts:
            amounts[name] = np.where(below, np.abs(amounts[name]), amounts[name])
    return pc.if_else(pa.array(below), pa.scalar(kind), kinds.cast(pa.string()))
