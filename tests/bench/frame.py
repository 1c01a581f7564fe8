# SPDX-License-Identifier: MIT
"""The frame of the benchmarks: interleaved rounds, paired ratios and their confidence.

A part (parts/NAME.py) is a module with HELP, a line for --help, and prepare(context), which builds
its subjects inside namespaces and returns a list of Bench. What it makes it registers with
context.stack, which undoes it at the end, on failure and on Ctrl-C.

In a round each bench measures each of its subjects once, in an order drawn anew. A subject's ratio
is the median over the rounds of its figure to the baseline's figure of the SAME round, so that what
disturbs the machine for longer than a round cancels out; its interval is the bootstrap's, 95 %.
"""

import contextlib
import dataclasses
import random
import statistics
import time
from typing import Callable, Dict, List, Optional, Tuple


@dataclasses.dataclass
class Bench:
    """One quantity of several subjects. measure(subject) returns one figure in `unit`; baseline is
    the subject that ratios refer to; pairs are further (subject, baseline) to compare."""
    name: str
    unit: str
    subjects: List[str]
    baseline: str
    measure: Callable[[str], float]
    pairs: List[Tuple[str, str]] = dataclasses.field(default_factory=list)
    higher_is_better: bool = True
    samples: Dict[str, List[float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Context:
    quick: bool
    stack: contextlib.ExitStack
    say: Callable[[str], None]

    @property
    def seconds(self):
        """How long one measurement of one subject takes."""
        return 0.2 if self.quick else 0.4


def interleave(benches: List[Bench], rounds: int, say: Callable[[str], None], rng=random):
    """Measures until every bench has `rounds` figures of each subject."""
    start = time.monotonic()
    for n in range(rounds):
        for bench in benches:
            order = list(bench.subjects)
            rng.shuffle(order)
            for subject in order:
                bench.samples.setdefault(subject, []).append(bench.measure(subject))
        spent = time.monotonic() - start
        say(f"round {n + 1} of {rounds}, {spent:.0f} s, "
            f"{spent / (n + 1) * (rounds - n - 1):.0f} s to go")


def quantile(values, q):
    """By linear interpolation between the order statistics."""
    v = sorted(values)
    at = (len(v) - 1) * q
    low = int(at)
    high = min(low + 1, len(v) - 1)
    return v[low] + (v[high] - v[low]) * (at - low)


def interval(values, resamples=2000, seed=1):
    """Bootstrap interval, 95 %, of the median: (low, high)."""
    rng = random.Random(seed)
    medians = [statistics.median(rng.choices(values, k=len(values))) for _ in range(resamples)]
    return quantile(medians, 0.025), quantile(medians, 0.975)


def row(bench: Bench, subject: str, baseline: Optional[str]):
    values = bench.samples[subject]
    r = {"bench": bench.name, "subject": subject, "unit": bench.unit,
         "median": statistics.median(values), "p25": quantile(values, 0.25),
         "p75": quantile(values, 0.75), "n": len(values), "ratio": None, "baseline": baseline}
    if baseline:
        ratios = [a / b for a, b in zip(values, bench.samples[baseline]) if b]
        if ratios:
            r["ratio"] = statistics.median(ratios)
            r["ratio_low"], r["ratio_high"] = interval(ratios)
    return r


def rows_of(bench: Bench):
    """A row a subject, then a row for each further pair."""
    rows = [row(bench, s, bench.baseline if s != bench.baseline else None)
            for s in bench.subjects]
    return rows + [row(bench, s, b) for s, b in bench.pairs]


ROUNDS_MIN = 10


def figure(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def table(rows):
    """Lines for people. A ratio whose interval holds 1 is no difference, and is marked so; after a
    few rounds an interval says nothing yet."""
    lines, last = [], None
    for r in rows:
        if r["bench"] != last:
            last = r["bench"]
            lines += ["", f"{last} ({r['unit']})"]
        spread = f"{figure(r['p25'])} to {figure(r['p75'])}"
        line = f"  {r['subject']:<22} {figure(r['median']):>10}  {spread:<20}"
        if r["ratio"] is not None:
            same = r["n"] >= ROUNDS_MIN and r["ratio_low"] <= 1 <= r["ratio_high"]
            line += (f"  {r['ratio']:.3f} x {r['baseline']} [{r['ratio_low']:.3f}, "
                     f"{r['ratio_high']:.3f}]{'  no difference' if same else ''}")
        lines.append(line.rstrip())
    if any(r["n"] < ROUNDS_MIN for r in rows):
        lines += ["", f"fewer than {ROUNDS_MIN} rounds: the intervals say nothing yet"]
    return lines
