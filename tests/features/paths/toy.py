"""A shop of four people that can be followed with a pencil.

    day  hour      A               B             C              D
      1   9:00                                   view
          9:30                                   cart                            half an hour later to the microsecond: a new session
         10:00     search
         10:01     view 30 s
         10:03     view 50 s
         10:04     cart
         10:05     purchase                                                     two lines
         10:05:20  purchase                                                     of one basket
      2  12:00                     view 20 s
         12:02                     search
         12:02:30                  view 10 s                                    and nothing but our message: B leaves
      3   9:00     view
          9:10     purchase                                                     and nothing more: A leaves, having bought
      5   8:00                     message
     10  10:00                                                  purchase
     20  10:00                                                  message
     39  10:00                                                  view            29 days after: D stayed
     41   9:30                                   view                           40 days after: C had left
          9:31                                   search
     50   0:00     the end of the log: what C and D will do is not known

Sessions: A 2, B 2, C 3, D 3. Journeys: A search view×2 cart → bought; A view → bought; D (directly) → bought;
B view search view → left; C view cart → left; C view search and D message view are open.
"""

import pyarrow as pa

from features.events import DAY, HOUR, SECOND

MINUTE = 60 * SECOND
START = 1_750_000_000_000_000 // DAY * DAY
UNTIL = START + 49 * DAY


def at(day, hour, minute=0, second=0):
    """Microseconds; day 1 is the first."""
    return START + (day - 1) * DAY + hour * HOUR + minute * MINUTE + second * SECOND


TOLD = [
    ("A", at(1, 10), "search", "list", None),
    ("A", at(1, 10, 1), "view", "item", 30_000),
    ("A", at(1, 10, 3), "view", "item", 50_000),
    ("A", at(1, 10, 4), "cart", "item", None),
    ("A", at(1, 10, 5), "purchase", "pay", None),
    ("A", at(1, 10, 5, 20), "purchase", "pay", None),
    ("A", at(3, 9), "view", "item", None),
    ("A", at(3, 9, 10), "purchase", None, None),
    ("B", at(2, 12), "view", "item", 20_000),
    ("B", at(2, 12, 2), "search", "list", None),
    ("B", at(2, 12, 2, 30), "view", "item", 10_000),
    ("B", at(5, 8), "message", None, None),
    ("C", at(1, 9), "view", "home", None),
    ("C", at(1, 9, 30), "cart", "item", None),
    ("C", at(41, 9, 30), "view", "item", None),
    ("C", at(41, 9, 31), "search", "list", None),
    ("D", at(10, 10), "purchase", "pay", None),
    ("D", at(20, 10), "message", None, None),
    ("D", at(39, 10), "view", "item", None),
]


def events(told=TOLD):
    """As an append takes them."""
    return pa.table(
        {
            "user_id": [row[0] for row in told],
            "ts": pa.array([row[1] for row in told], pa.int64()),
            "kind": [row[2] for row in told],
            "page": pa.array([row[3] for row in told], pa.string()),
            "dwell": pa.array([row[4] for row in told], pa.int64()),
            "event_id": [f"e{n:02}" for n in range(len(told))],
            "source": [""] * len(told),
        }
    )
