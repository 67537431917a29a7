"""The curves as SVG, by gnuplot."""

import math
import shutil
import subprocess
import sys

import report
from programs import Trouble

# Colour, width, dash and point of each line. What is pawl's own is strong, floors are dashed, peers are thin.
STYLES = {
    "pawl": ("#c1121f", 3.5, 1, 7),
    "pawl, 2 workers": ("#f08080", 2.5, 1, 6),
    "pawl, process": ("#e07a00", 3, 1, 5),
    "memory": ("#8d99ae", 2, 3, 1),
    "journal-floor": ("#2b2d42", 2, 2, 2),
    "lmdb-floor": ("#6c757d", 2, 2, 3),
    "lmdb-group": ("#588157", 1.8, 1, 9),
    "sqlite-group": ("#0077b6", 1.8, 1, 11),
    "sqlite": ("#90c2e7", 1.8, 1, 10),
    "rocksdb": ("#7b2cbf", 1.8, 1, 13),
    "postgres": ("#336791", 1.8, 4, 15),
    "1 worker": ("#c1121f", 3, 1, 7),
    "2 workers": ("#0077b6", 3, 1, 5),
}

HEAD = """set terminal svg size 960,600 dynamic font 'Helvetica,15' background 'white'
set output '{file}'
set border 3 lc rgb '#444444'
set tics nomirror textcolor rgb '#333333'
set grid ytics xtics lc rgb '#dddddd' lw 1 lt 1
set key outside right center vertical Left reverse samplen 2.5 spacing 1.35 textcolor rgb '#333333'
set title '{title}' font ',17' textcolor rgb '#111111'
set xlabel '{x}' textcolor rgb '#333333'
set ylabel '{y}' textcolor rgb '#333333'
set logscale {logs}
set xtics ({ticks})
set xrange [{left}:{right}]
set yrange [{low}:*]
set format y '{format}'
"""

# Of an axis: 1,000 as 1k, 1,000,000 as 1M; or the plain number.
FORMATS = {"steps/s": "%.0s%c", "MB/s": "%g"}


def tick(value):
    for limit, unit in ((2**20, " Mi"), (2**10, " Ki")):
        if value >= limit and value % limit == 0:
            return f"{value // limit}{unit}"
    return f"{value}"


def script(file, title, x, y, curve, logs, label):
    places = sorted({place for points in curve.values() for place in points})
    lowest = min(min(points.values()) for points in curve.values())
    low = 10 ** math.floor(math.log10(lowest)) if logs == "xy" else 0
    text = HEAD.format(file=file, title=title, x=x, y=y, logs=logs, format=FORMATS[y],
                       low=low, left=places[0] * 0.9, right=places[-1] * 1.15,
                       ticks=", ".join(f"'{label(place)}' {place}" for place in places))
    for number, points in enumerate(curve.values()):
        lines = "\n".join(f"{place} {points[place]}" for place in sorted(points))
        text += f"$line{number} << end\n{lines}\nend\n"
    drawn = []
    for number, name in enumerate(curve):
        colour, width, dash, point = STYLES[name]
        drawn.append(f"$line{number} using 1:2 with linespoints title '{name}' "
                     f"lc rgb '{colour}' lw {width} dt {dash} pt {point} ps 0.8")
    return text + "plot " + ", \\\n     ".join(drawn) + "\n"


def megabytes(part):
    """Bytes of results a second, in MB."""
    return {label: {size: steps * size / 1e6 for size, steps in points.items()}
            for label, points in report.medians(part).items()}


def draw(results, folder):
    """Writes an SVG for each curve that was measured; returns (file name, title) of each."""
    wanted = []
    if "in_flight" in results:
        wanted.append(("in_flight.svg", "Durable steps a second", "items in flight (peers: threads)", "steps/s",
                       report.medians(results["in_flight"]), "xy", lambda x: f"{x:,}"))
    if "payload" in results:
        wanted.append(("payload.svg", "Results made durable", "bytes of a result", "MB/s",
                       megabytes(results["payload"]), "xy", tick))
    if "chain" in results:
        wanted.append(("chain.svg", "Steps a second by the length of the chain", "steps of a chain", "steps/s",
                       report.medians(results["chain"]), "x", str))
    wanted = [one for one in wanted if one[4]]
    if wanted and shutil.which("gnuplot") is None:
        print("warning: no plots are drawn, gnuplot is not here", file=sys.stderr)
        return []
    for name, title, *rest in wanted:
        done = subprocess.run(["gnuplot"], input=script(folder / name, title, *rest), capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise Trouble(f"gnuplot cannot draw {name}: {done.stderr.strip()}")
    return [(name, title) for name, title, *_ in wanted]
