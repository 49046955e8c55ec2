"""How people walk through the shop: paths to purchase and to leaving, transitions, dwell, and the steps that move conversion.

**What is seen.** Of every person, every event with `ts < until`, however old. Where `until` is given, nothing is seen that
arrived at or after it (as everywhere in Intently, an unknown or earlier arrival counts as `ts`), and who a person is (ids that
are one by an alias) and what they allow (consent) is what was known then, as in `features/views.py`. Where it is not, it is the
log's end, and all that the log holds is known. It is never after the log's end: nobody knows who left since.

**Step.** What an event is called: its kind, page, category, channel, or kind and page (`view:item`). An event of the goal's
kind (purchase, or `--to`) is always called by its kind, and so is, in parentheses, one without the field. The 60 commonest
names stay apart; all others are `(other)`, and the result says how many events that is. All numbers below are exact for the
names so given, except where it is said.

**Session.** A run of a person's events with no silence of 30 minutes or more between neighbours, whatever their kind, as in
`features/algebra.py`; so every event lies in exactly one. A session belongs, whole, to the window `[from, until)` if it starts
there. It converts if it holds the goal. A session in which the person did nothing (there are only messages from us) is counted
and takes part in the transitions, but is no occasion to convert.

**Journey.** What led up to an ending. A person's events are cut behind every purchase (neighbouring events of the goal's kind
in one session are one purchase: the lines of a basket) and wherever the person did nothing for the horizon (30 days) or longer;
a message from us is not something that they did. The journey is what lies between two cuts, and at most the horizon before its
end. It ends, at its purchase or at its last event, as

- *bought*: with a purchase;
- *left*: without one, and nothing followed for the horizon;
- *open*: neither, yet: the log ends less than the horizon later. Open journeys are counted and left out of everything else.

A journey belongs to the window in which it ends. *Leaving* is any end of a journey, bought or left, after which nothing
followed for the horizon; one too near the end of the log to tell is none.

**Path.** The steps of a journey in order, neighbours of one name collapsed into one (the mean number of events stays with it).
To purchase: the last `depth` steps before each purchase; a journey that has none is a purchase made directly. To leaving: the
last `depth` steps before leaving, the purchase among them where the journey bought. `share` is of all purchases (leavings) in
the window; `people` are different persons; `days` is the mean time from the first step shown to the end. A path shorter than
`depth` shows the whole journey.

**Transition.** From each event to the next of its session, not collapsed: `view → view` is one. START comes before the first, END
after the last. A rate is a count over all counts from the same step, so the rates from a step sum to 1.

**Dwell.** Time on a step, of every event in the sessions of the window: its `dwell` where given, else the time to the next
event in its session; the last one has none. The result says how many were given. Mean and number are exact; a quantile q
is the smallest value that at least q of the events do not exceed, to three digits.

**Steps that move conversion.** Of sessions, and of journeys that bought or left, before the first purchase: those with a step
against those without; likewise for two steps, one directly after the other. `lift` is the rate of those with the step over that
of all; `difference` the rate with it less the rate without, with Newcombe's 95 % interval (method 10 of Newcombe 1998,
Statistics in Medicine 17:873-890), made of the two Wilson intervals (Wilson 1927, JASA 22:209-212):

    Wilson:     (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    Newcombe:   [d - sqrt((p1-l1)² + (u2-p2)²),  d + sqrt((u1-p1)² + (p2-l2)²)],   d = p1 - p2

Among m steps (or pairs) compared, some differ by chance: `sure` says that the interval at 1 - 0.05/m (Bonferroni) leaves out 0.

`removal` is the removal effect of Anderl, Becker, von Wangenheim and Schumann (2016, International Journal of Research in
Marketing 33:457-474): the share of conversions that the chain of transitions loses when a step leads nowhere any more. With Q the
rates between the (collapsed) steps of a journey, r those from a step to conversion, s those from START, c that of converting
directly, and N = (I - Q)⁻¹,

    P = c + s·N·r        removal(k) = 1 - P(without k) / P = (s·N)ₖ / Nₖₖ · (N·r)ₖ / P

**Beware.** All this is association, not cause: people who are about to buy put things into carts. Whether a step *makes*
people buy is told by an experiment. Long journeys hold more different steps than short ones, whatever the steps do. Sessions
and journeys of one person are counted as if they were of different ones, so the intervals are narrower than they should be
where few people make many of them.
"""
