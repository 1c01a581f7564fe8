# SPDX-License-Identifier: MIT
"""A chart of a run: a panel a bench, ratios to the baseline with their intervals. Subjects whose
name ends in a number ("vpcd-1000") are points of one line over it."""

import math
import re

import matplotlib
matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {"vpcd": "#1b7f4d", "nft-chain": "#c2452d", "nft-set": "#d9a21b", "bridge": "#4a6fa5"}


def series_of(rows):
    """{name: [(number or None, row)]}, in order of appearance."""
    series = {}
    for r in rows:
        m = re.fullmatch(r"(.*?)-?(\d+)", r["subject"])
        name, number = (m.group(1), int(m.group(2))) if m else (r["subject"], None)
        series.setdefault(name, []).append((number, r))
    return series


def panel(axes, bench, rows):
    labels = []
    for name, points in series_of(rows).items():
        colour = COLOURS.get(name, "#777777")
        ratios = [r["ratio"] for _, r in points]
        spread = [[r["ratio"] - r["ratio_low"] for _, r in points],
                  [r["ratio_high"] - r["ratio"] for _, r in points]]
        if points[0][0] is None:
            axes.axhline(ratios[0], color=colour, linestyle=":", label=name)
            continue
        numbers = [n for n, _ in points]
        labels = sorted(set(labels) | set(numbers))
        axes.errorbar(numbers, ratios, yerr=spread, color=colour, marker="o", markersize=4,
                      capsize=3, label=name)
    axes.axhline(1, color="#bbbbbb", linewidth=0.8)
    if labels:
        axes.set_xscale("log")
        axes.set_xticks(labels, [f"{n:,}" for n in labels])
        axes.minorticks_off()
    axes.set_title(f"{bench} ({rows[0]['unit']})", fontsize=9)
    axes.set_ylabel(f"ratio to {rows[0]['baseline']}", fontsize=8)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=7)


def draw(rows, about, path):
    benches = {}
    for r in rows:
        group = benches.setdefault(r["bench"], [])
        if r["ratio"] is not None and (not group or group[0]["baseline"] == r["baseline"]):
            group.append(r)
    benches = {b: g for b, g in benches.items() if g}
    if not benches:
        return
    columns = min(3, len(benches))
    lines = math.ceil(len(benches) / columns)
    figure, axes = plt.subplots(lines, columns, figsize=(4.6 * columns, 3.2 * lines),
                                squeeze=False)
    for i, (bench, group) in enumerate(benches.items()):
        panel(axes[i // columns][i % columns], bench, group)
    for i in range(len(benches), lines * columns):
        axes[i // columns][i % columns].axis("off")
    figure.suptitle(f"Linux {about['kernel']}, {about['cpus']} CPUs, {about['date']}", fontsize=8)
    figure.tight_layout()
    figure.savefig(path)
