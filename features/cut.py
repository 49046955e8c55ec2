"""A file without a line end at its end: was its last field cut off?"""

import re
from collections.abc import Sequence
from typing import Final

PLAUSIBLE: Final = 20
"""Fields before that judge the last one, at least."""
LONG: Final = 8
"""Characters from which on fields of one length are no chance."""


def looks_cut(end: str | None, before: Sequence[str | None]) -> bool:
    """Was a field cut off, judged by the fields of its column in the rows before?

    It was where it is empty and none was; where it is shorter and all were of one length, 8 or more (times, digests); where it
    has fewer decimals and all had as many; and where it begins one of the few words that there are, and is none of them.

    >>> looks_cut("15115", ["1511544070"] * 20), looks_cut("19.9", ["9.99", "120.00"] * 10), looks_cut("vi", ["view"] * 50)
    (True, True, True)
    >>> looks_cut("u7", ["u1", "u22", "u301"] * 20)
    False
    """
    given = [text for text in before if text is not None]
    if len(given) < PLAUSIBLE:
        return False
    if end is None:
        return len(given) == len(before)
    lengths = {len(text) for text in given}
    if len(lengths) == 1 and len(end) < min(lengths) and min(lengths) >= LONG:
        return True
    places = {len(text) - text.find(".") - 1 if "." in text else 0 for text in given}
    if len(places) == 1 and all(re.fullmatch(r"-?\d+\.\d+", text) for text in given):
        return len(end.partition(".")[2]) < places.pop()
    words = set(given)
    few = PLAUSIBLE * len(words) <= len(given) and not end[-1:].isdigit()
    return few and end not in words and any(word.startswith(end) for word in words)
