# SPDX-License-Identifier: MIT
"""The frame's statistics, and the rules that all subjects get."""

import contextlib
import random
import re

import frame
import pytest
import rules


def bench_of(samples, pairs=()):
    b = frame.Bench("part/what", "1/s", list(samples), next(iter(samples)), None, list(pairs))
    b.samples = samples
    return b


def test_quantiles_lie_between_the_order_statistics():
    assert frame.quantile([3, 1, 2], 0.5) == 2
    assert frame.quantile([1, 2, 3, 4], 0.25) == 1.75
    assert frame.quantile([5], 0.9) == 5


def test_ratios_are_of_the_same_round():
    # The machine was half as fast in every second round; the subject is always 0.9 of the baseline.
    raw = [100.0 / (1 + i % 2) for i in range(30)]
    rows = frame.rows_of(bench_of({"raw": raw, "us": [0.9 * v for v in raw]}))
    assert [r["baseline"] for r in rows] == [None, "raw"]
    assert rows[1]["ratio"] == pytest.approx(0.9)
    assert rows[1]["ratio_low"] == pytest.approx(0.9) == rows[1]["ratio_high"]
    assert set(rows[0]) >= {"bench", "subject", "unit", "median", "p25", "p75", "n", "ratio",
                            "baseline"}


def test_an_interval_holds_what_noise_alone_makes_and_not_a_real_difference():
    rng = random.Random(7)
    raw, same, less = ([rng.gauss(m, 5) for _ in range(30)] for m in (100, 100, 80))
    rows = frame.rows_of(bench_of({"raw": raw, "same": same, "less": less}, [("less", "same")]))
    by = {(r["subject"], r["baseline"]): r for r in rows}
    assert by["same", "raw"]["ratio_low"] <= 1 <= by["same", "raw"]["ratio_high"]
    assert by["less", "raw"]["ratio_high"] < 1 and by["less", "same"]["ratio_high"] < 1
    lines = "\n".join(frame.table(rows))
    assert len(re.findall("no difference", lines)) == 1


def test_few_rounds_claim_nothing():
    lines = "\n".join(frame.table(frame.rows_of(bench_of({"raw": [1, 2, 3], "us": [1, 2, 3]}))))
    assert "no difference" not in lines and "the intervals say nothing yet" in lines


def test_every_round_measures_every_subject_once_in_changing_order():
    order = []
    b = frame.Bench("b", "1/s", ["a", "b", "c"], "a", lambda s: order.append(s) or 1.0)
    frame.interleave([b], 20, lambda text: None, random.Random(1))
    rounds = [tuple(order[i:i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(r) == ["a", "b", "c"] for r in rounds) and len(set(rounds)) > 2
    assert {s: len(v) for s, v in b.samples.items()} == {"a": 20, "b": 20, "c": 20}


def test_what_a_part_made_goes_when_it_fails():
    gone = []
    with pytest.raises(RuntimeError), contextlib.ExitStack() as stack:
        stack.callback(gone.append, "namespace")
        b = frame.Bench("b", "1/s", ["a"], "a", lambda s: (_ for _ in ()).throw(RuntimeError(s)))
        frame.interleave([b], 1, lambda text: None)
    assert gone == ["namespace"]


@pytest.mark.parametrize("variant", rules.VARIANTS.values(), ids=lambda v: v.name)
@pytest.mark.parametrize("n", (1, 10, 1000))
def test_all_subjects_get_the_same_number_of_rules(variant, n):
    others, last = rules.vpcd_rules(variant, n, "10.77.0.10")
    assert len(others) == n - 1 == len(set(others)) and last.startswith("all from ")
    chain, _ = rules.nft_chain(variant, n)
    assert len(re.findall(r"saddr .* tcp dport \d+ accept", chain)) == n - 1
    table, _ = rules.nft_set(variant, n)
    assert len(re.findall(r" \. tcp \. \d+[,\s]", table)) == n - 1


def test_a_server_has_a_thousand_rules_within_the_limits():
    vpc, sandboxes = rules.topology((1000,))
    groups = vpc["Vpcs"]["bench"]["SecurityGroups"]
    for variant in rules.VARIANTS:
        mine = [groups[g.split("/")[1]]["Ingress"] for g in sandboxes[f"{variant}-1000"]]
        assert len(mine) == 5 and max(map(len, mine)) <= 200 and sum(map(len, mine)) == 999
