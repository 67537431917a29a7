"""Runs the benches of a build, and writes what they gave.

    python3 bench/measure BUILD RESULTS [--rounds N] [--dir DIR] [--only PART ...] [--quick] [--readme FILE]

Each part is measured in rounds, in which everything that is compared runs once on the same directory, and goes to
RESULTS/PART.json. Then the tables and plots are made out of all that lies in RESULTS, so one part can be measured
again alone (--only; `--only none` makes tables and plots anew and measures nothing).
"""

import argparse
import json
import pathlib
import shutil
import sys

import curves
import machine
import plots
import report
import rows
from programs import Programs, Trouble

PARTS = {
    "rows": rows.measure,
    "compile_time": rows.measure_compile_time,
    "in_flight": curves.measure_in_flight,
    "payload": curves.measure_payload,
    "chain": curves.measure_chain,
}


def arguments():
    parser = argparse.ArgumentParser(prog="measure", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="the build folder")
    parser.add_argument("results", type=pathlib.Path, help="where results go")
    parser.add_argument("--rounds", type=int, default=5, help="how often each row is measured (default 5)")
    parser.add_argument("--dir", type=pathlib.Path,
                        help="a folder on the disk to be measured (default: in the build folder)")
    parser.add_argument("--only", nargs="+", choices=[*PARTS, "none"], help="measure only these parts")
    parser.add_argument("--quick", action="store_true", help="everything tiny: whether it works, not how fast it is")
    parser.add_argument("--readme", type=pathlib.Path,
                        help="a page whose part between bench:begin and bench:end is rewritten")
    return parser.parse_args()


def main():
    given = arguments()
    rounds = 1 if given.quick else given.rounds
    disk = given.dir or given.build / "bench/disk"
    own_disk = not disk.exists()
    disk.mkdir(parents=True, exist_ok=True)
    given.results.mkdir(parents=True, exist_ok=True)
    if not given.quick:
        machine.warn_if_busy()
    programs = Programs(given.build, disk, given.quick)
    for name in given.only or PARTS:
        if name == "none":
            continue
        about = machine.describe(disk)
        runs = PARTS[name](programs, rounds)
        text = json.dumps({**about, "rounds": rounds, "absent": programs.absent, "runs": runs}, indent=1)
        (given.results / f"{name}.json").write_text(text + "\n")
    if own_disk:
        shutil.rmtree(disk)

    results = report.read(given.results)
    drawn = plots.draw(results, given.results)
    page = report.page(results)
    (given.results / "table.md").write_text(page)
    print(page)
    if given.readme:
        report.put_into(given.readme, report.summary(results, given.results, drawn))


try:
    main()
except Trouble as trouble:
    sys.exit(f"error: {trouble}")
