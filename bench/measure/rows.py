"""The rows of the table: what is run in each round, and what is made of it.

A ratio is taken within a round, and the median over the rounds is shown.
"""

import json
import pathlib
import statistics
import subprocess

from programs import Trouble

STEPS = 3
GROUP_PEERS = ("sqlite-group", "rocksdb", "postgres")
THREADS = 64
WIDE = 32_768
WINDOW = 8_192
MIB = 2**20


# ---- what is run ----

def one_round(programs):
    """The runs of a round by name; None where something is not here."""
    quick = programs.quick
    items = 500 if quick else 1_000_000
    seconds = 0.2 if quick else 5
    run = programs.overhead
    common = {"items": items, "steps": STEPS, "bytes": 100}
    limited = {**common, "seconds_max": seconds}
    runs = {}

    runs["pawl"] = run("pawl", **common, in_flight=WINDOW, workers=1)
    runs["journal_floor"] = run("journal-floor", **common, batch=group_of(runs["pawl"]))
    runs["lmdb_floor"] = run("lmdb-floor", **common, batch=group_of(runs["pawl"]))
    runs["pawl_wide"] = run("pawl", **common, in_flight=WIDE, workers=1)
    runs["lmdb_floor_wide"] = run("lmdb-floor", **common, batch=group_of(runs["pawl_wide"]))
    for peer in (*GROUP_PEERS, "lmdb-group", "sqlite"):
        runs[peer] = run(peer, **limited, in_flight=THREADS)
    runs["pawl_64"] = run("pawl", **limited, in_flight=THREADS, workers=1)
    runs["flush"] = programs.other("flush", rounds=50 if quick else 3000)
    runs["pawl_1"] = run("pawl", **limited, in_flight=1, workers=1)

    runs["memory"] = run("memory", **common, in_flight=WINDOW, workers=1)
    runs["process"] = run("pawl", **common, in_flight=WINDOW, workers=1, durability="process")
    long_run = {**common, "items": 1000 if quick else 6_666_667, "in_flight": WINDOW, "workers": 1,
                "durability": "process"}
    runs["process_long"] = run("pawl", **long_run)
    runs["process_long_random"] = run("pawl", **{**long_run, "items": 1000 if quick else 2_000_000}, keys="random")
    runs["power_random"] = run("pawl", **common, in_flight=WINDOW, workers=1, keys="random")

    large = {"items": 64 if quick else 2_000, "steps": STEPS, "bytes": 2**16 if quick else MIB, "seconds_max": seconds}
    runs["pawl_large"] = run("pawl", **large, in_flight=THREADS, workers=1)
    runs["journal_floor_large"] = run("journal-floor", **large, batch=group_of(runs["pawl_large"]))

    runs["step_cost"] = programs.other("step_cost", rounds=2, in_flight=32 if quick else WINDOW)
    runs["resume"] = programs.other("many_items", "--shuffle", items=2_000 if quick else 5_000_000)
    runs["many_items"] = programs.other("many_items", items=3_000 if quick else 20_000_000)
    runs["crash"] = programs.other("open_after_crash", steps_max=1_000 if quick else 4_000_000,
                                   in_flight=64 if quick else WINDOW)
    runs["state_size"] = programs.other("state_size", items=2_000 if quick else 5_000_000)
    return runs


def group_of(run):
    """How many steps a group of that run had on average."""
    return max(1, round(run["items"] * run["steps"] / max(1, run["flushes"])))


def measure(programs, rounds):
    found = []
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}", flush=True)
        found.append(one_round(programs))
    return found


def measure_compile_time(programs, rounds):
    """One object for each compiler: its script takes the medians itself."""
    print("compile time", flush=True)
    script = pathlib.Path(__file__).parent.parent / "compile_time.sh"
    few = ["--runs", "1", "c++"] if programs.quick else ["--runs", str(rounds)]
    done = subprocess.run(["sh", str(script), "--json", *few], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(done.stderr.strip())
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- what is made of it ----

class Row:
    """`value`: of one round; KeyError or TypeError where a run that it needs is not there."""

    def __init__(self, what, value, unit="", at_least=None, at_most=None):
        self.what, self.value, self.unit = what, value, unit
        self.at_least, self.at_most = at_least, at_most

    def median(self, rounds):
        """None where it was not measured."""
        try:
            return statistics.median(self.value(runs) for runs in rounds)
        except (KeyError, TypeError):
            return None

    def target(self):
        if self.at_least is not None:
            return f"at least {number(self.at_least)}"
        return f"at most {number(self.at_most)}" if self.at_most is not None else ""

    def lost(self, median):
        if self.at_least is not None:
            return median < self.at_least
        return self.at_most is not None and median > self.at_most


def number(value):
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def rate(name):
    return lambda runs: runs[name]["steps_per_second"]


def drained(name):
    return lambda runs: runs[name]["drained_steps_per_second"]


def ratio(of, to):
    return lambda runs: of(runs) / to(runs)


def best_peer(runs):
    return max(runs[name]["steps_per_second"] for name in GROUP_PEERS if runs[name])


def first_fifth_and_rest(runs):
    """How much the peak of memory grew behind the first fifth of the first run, as a factor."""
    first, rest = memory_points(runs)
    return max(rest) / max(first)


def memory_points(runs):
    points = runs["many_items"]["first_run"]["anon_mb"]
    return points[:2], points[2:] + runs["many_items"]["second_run"]["anon_mb"]


def seconds_for_256_mib(runs):
    left = runs["crash"]["beside_lmdb_mb"]
    if left < 1:
        raise KeyError("no journal was left")
    return runs["crash"]["ready_seconds"] / (left * 1e6 / (256 * MIB))


ROWS = [
    Row("pawl, power, 8,192 in flight, until acknowledged", rate("pawl"), "steps/s"),
    Row("`journal-floor`: the same bytes appended by a plain program, groups of the same size", rate("journal_floor"),
        "steps/s"),
    Row("pawl against `journal-floor`", ratio(rate("pawl"), rate("journal_floor")), at_least=0.4),
    Row("the same with random keys", ratio(rate("power_random"), rate("journal_floor"))),
    Row("pawl, power, 32,768 in flight, until all is in LMDB", drained("pawl_wide"), "steps/s", at_least=2_000_000),
    Row("`lmdb-floor`: raw LMDB, records and batches of the same size", rate("lmdb_floor_wide"), "steps/s"),
    Row("pawl against `lmdb-floor`", ratio(drained("pawl_wide"), rate("lmdb_floor_wide")), at_least=1.5),
    Row("`sqlite-group`: hand-written group commit, 64 threads", rate("sqlite-group"), "steps/s"),
    Row("`lmdb-group`: the same into LMDB", rate("lmdb-group"), "steps/s"),
    Row("`rocksdb`: synced log, 64 threads", rate("rocksdb"), "steps/s"),
    Row("`postgres`: a statement a step, 64 connections", rate("postgres"), "steps/s"),
    Row("`sqlite`: a transaction a step, 64 threads", rate("sqlite"), "steps/s"),
    Row("pawl (32,768 in flight) against the best of sqlite-group, rocksdb, postgres",
        ratio(drained("pawl_wide"), best_peer), at_least=30),
    Row("pawl with 64 in flight against the same", ratio(rate("pawl_64"), best_peer), at_least=2.5),
    Row("1 in flight: time of a step against one fdatasync of a block",
        lambda runs: runs["pawl_1"]["ns_per_step"] / 1000 / runs["flush"]["median_us"], at_most=1.5),
    Row("process: time of a step beyond `memory`",
        lambda runs: runs["process"]["ns_per_step"] - runs["memory"]["ns_per_step"], "ns", at_most=250),
    Row("process, 20 million steps, until all is in LMDB", drained("process_long"), "steps/s", at_least=1_500_000),
    Row("the same with random keys", drained("process_long_random"), "steps/s"),
    Row("`memory`: no durability, time of a step", lambda runs: runs["memory"]["ns_per_step"], "ns", at_most=150),
    Row("cost of step 64 against step 2", lambda runs: runs["step_cost"]["ratio"], at_most=1.1),
    Row("results of 1 MiB: bytes a second against `journal-floor`",
        ratio(rate("pawl_large"), rate("journal_floor_large")), at_least=0.7),
    Row("second run over 5 million done items, in source order",
        lambda runs: runs["resume"]["second_run"]["items_per_second"], "items/s", at_least=3_000_000),
    Row("the same in random order",
        lambda runs: runs["resume"]["shuffled_run"]["items_per_second"], "items/s", at_least=500_000),
    Row("ready to run after kill -9, for each 256 MiB of journal", seconds_for_256_mib, "s", at_most=1),
    Row("20 million items: peak anonymous memory", lambda runs: max(map(max, memory_points(runs))), "MB",
        at_most=250),
    Row("how it grows behind the first fifth", first_fifth_and_rest, "times", at_most=1.5),
    Row("done item with a 20-byte key and no kept result, compacted",
        lambda runs: runs["state_size"]["compacted_bytes_per_item"], "bytes", at_most=160),
]


def compiler_rows(compiler):
    """Rows over one "round", which is what compile_time.sh gave for a compiler."""
    name = f"{compiler['compiler']} {compiler['version']}"
    return [
        Row(f"{name}: one more step of known types", lambda found: found["step_ms"], "ms", at_most=50),
        Row(f"{name}: one more five-field result type", lambda found: found["type_ms"], "ms", at_most=80),
        Row(f"{name}: hello.cpp beyond its standard headers", lambda found: found["hello_more_ms"], "ms", at_most=1000),
    ]
