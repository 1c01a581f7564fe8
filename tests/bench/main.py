# SPDX-License-Identifier: MIT
"""scripts/bench: measures vpcd and its peers in one interleaved run. Run as root."""

import argparse
import contextlib
import importlib
import json
import os
import pathlib
import signal
import sys

import frame
import machine

PARTS = sorted(p.stem for p in (pathlib.Path(__file__).parent / "parts").glob("[a-z]*.py"))


def part_of(name):
    return importlib.import_module(f"parts.{name}")


def arguments():
    parts = "\n".join(f"  {name:<10} {part_of(name).HELP}" for name in PARTS)
    p = argparse.ArgumentParser(
        prog="scripts/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures vpcd and its peers in one interleaved run, inside namespaces of its "
                    "own.", epilog=f"parts:\n{parts}\n\n"
                    "Example: sudo scripts/bench policy --quick --json /tmp/policy.json")
    p.add_argument("part", nargs="*", help="what to measure; default: everything")
    p.add_argument("--quick", action="store_true",
                   help="few short rounds: does it run, not how fast")
    p.add_argument("--rounds", type=int, help="rounds (default 30, 3 with --quick)")
    p.add_argument("--only", metavar="TEXT", help="only benches whose name contains TEXT")
    p.add_argument("--subjects", metavar="A,B", help="only these subjects, the baseline among them")
    p.add_argument("--json", metavar="FILE", help="write the rows there")
    p.add_argument("--chart", metavar="FILE", help="write a chart there (.svg, .png); default: "
                   "beside the JSON file")
    a = p.parse_args()
    for name in a.part:
        if name not in PARTS:
            p.error(f"no part {name}; there are {', '.join(PARTS)}")
    if a.rounds is not None and a.rounds < 1:
        p.error("--rounds must be at least 1")
    a.part = a.part or PARTS
    a.rounds = a.rounds or (3 if a.quick else 30)
    if a.json and not a.chart:
        a.chart = str(pathlib.Path(a.json).with_suffix(".svg"))
    return a


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def chosen(bench, args):
    """The bench with what --subjects leaves of it: nothing, or the baseline and others."""
    if args.subjects:
        wanted = args.subjects.split(",")
        bench.subjects = [s for s in bench.subjects if s in wanted]
        bench.pairs = [p for p in bench.pairs if set(p) <= set(wanted)]
        if bench.subjects and bench.baseline not in bench.subjects:
            sys.exit(f"scripts/bench: {bench.name}: --subjects lacks its baseline {bench.baseline}")
    return bench


def catch_signals():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def measure(part, args):
    """Rows of a part; whatever it made is gone afterwards, also on failure and Ctrl-C."""
    with contextlib.ExitStack() as stack:
        machine.favour(stack)
        say(f"{part}: setting up")
        try:
            benches = part_of(part).prepare(frame.Context(args.quick, stack, say))
            benches = [chosen(b, args) for b in benches if not args.only or args.only in b.name]
            benches = [b for b in benches if b.subjects]
            frame.interleave(benches, args.rounds, lambda t: say(f"{part}: {t}"))
        finally:  # a second Ctrl-C does not stop the cleaning
            for signo in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signo, signal.SIG_IGN)
    catch_signals()
    return [r for b in benches for r in frame.rows_of(b)]


def main():
    args = arguments()
    if os.geteuid():
        sys.exit("scripts/bench: run as root: sudo scripts/bench")
    catch_signals()
    about, rows = machine.describe(), []
    try:
        for part in args.part:
            rows += measure(part, args)
    except KeyboardInterrupt:
        say("interrupted; cleaned up")
        sys.exit(130)
    except RuntimeError as failure:
        sys.exit(f"scripts/bench: {failure}")
    about.update(command=" ".join(["scripts/bench", *sys.argv[1:]]), load_after=os.getloadavg()[0])
    print(", ".join(f"{k} {v}" for k, v in about.items()))
    print("\n".join(frame.table(rows)))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"machine": about, "rows": rows}, indent=1))
    if args.chart and rows:
        import chart  # matplotlib takes a second to load
        chart.draw(rows, about, args.chart)


if __name__ == "__main__":
    main()
