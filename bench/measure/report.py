"""The results as Markdown: the table of rows, the curves as tables, what is lost, what is missing."""

import json
import statistics

import rows
from programs import Trouble


def read(folder):
    """What was measured, by part."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json")) if file.stem in TITLES}


TITLES = {"rows": "", "compile_time": "",
          "in_flight": "items in flight", "payload": "bytes of a result", "chain": "steps of a chain"}


def all_rows(results):
    """(row, median or None), in the order of the table."""
    rounds = results["rows"]["runs"] if "rows" in results else []
    found = [(row, row.median(rounds)) for row in rows.ROWS] if rounds else []
    for compiler in results.get("compile_time", {}).get("runs", []):
        found += [(row, row.median([compiler])) for row in rows.compiler_rows(compiler)]
    return found


def table(results):
    lines = ["| what | measured | target | |", "|---|---|---|---|"]
    for row, median in all_rows(results):
        if median is not None:
            held = "" if not row.target() else "**lost**" if row.lost(median) else "held"
            cells = [row.what, f"{rows.number(median)} {row.unit}", row.target(), held]
            lines.append("| " + " | ".join(cell.strip() for cell in cells) + " |")
    return "\n".join(lines)


def missing(results):
    """Why rows of the table are not there, as lines of a list."""
    lines = [f"- not measured: {row.what}" for row, median in all_rows(results) if median is None]
    reasons = {name: reason for part in results.values() for name, reason in part.get("absent", {}).items()}
    return "\n".join(lines + [f"- not here: {name}: {reason}" for name, reason in reasons.items()])


def about(results):
    part = results.get("rows") or next(iter(results.values()))
    return f"Medians of {part['rounds']} rounds, {part['date']}. {part['machine']}. {part['versions']}."


WORK = """Where nothing else is said: durability power, 3 steps, results of 100 bytes, keys ascending, steps that do nothing,
1 worker. Peers that block have one thread for each item in flight."""


def medians(part):
    """Steps a second by label and x."""
    gathered = {}
    for point in part["runs"]:
        gathered.setdefault(point["label"], {}).setdefault(point["x"], []).append(point["run"]["steps_per_second"])
    return {label: {x: statistics.median(values) for x, values in points.items()}
            for label, points in gathered.items()}


def curve_table(name, part):
    curve = medians(part)
    places = sorted({x for points in curve.values() for x in points})
    lines = [f"| steps/s by {TITLES[name]} | " + " | ".join(f"{x:,}" for x in places) + " |",
             "|---" * (len(places) + 1) + "|"]
    for label, points in curve.items():
        cells = [f"{points[x]:,.0f}" if x in points else "" for x in places]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(results):
    if not results:
        raise Trouble("there are no results to make a table of")
    parts = [about(results), WORK, table(results), missing(results)]
    parts += [curve_table(name, results[name]) for name in ("in_flight", "payload", "chain") if name in results]
    return "\n\n".join(part for part in parts if part) + "\n"


def lost(results):
    found = [f"- {row.what}: {rows.number(median)} {row.unit}, target {row.target()}".replace(" ,", ",")
             for row, median in all_rows(results) if median is not None and row.lost(median)]
    return "Lost:\n\n" + "\n".join(found) if found else "Every row holds its target."


def summary(results, folder, drawn):
    """What the README shows."""
    images = "\n\n".join(f"![{title}]({folder}/{name})" for name, title in drawn)
    parts = [about(results), WORK, table(results), lost(results), missing(results), images]
    return "\n\n".join(part for part in parts if part)


def put_into(file, text):
    begin, end = "<!-- bench:begin -->", "<!-- bench:end -->"
    whole = file.read_text()
    if begin not in whole or end not in whole:
        raise Trouble(f"{file} has no part between {begin} and {end}")
    head, rest = whole.split(begin, 1)
    file.write_text(f"{head}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}")
