"""How speed depends on how much is under way, on the size of results, on the length of the chain."""

from rows import GROUP_PEERS, STEPS, THREADS, WINDOW

# What runs with one thread for each item in flight; more threads than these are not what one would write.
PEERS = ("sqlite-group", "lmdb-group", "rocksdb", "postgres", "sqlite")
PEER_THREADS = (1, 8, 64, 256)
IN_FLIGHT = (1, 8, 64, 512, 8_192, 32_768)
SIZES = (16, 100, 2**10, 2**14, 2**17, 2**20)
LENGTHS = (1, 2, 4, 8, 16, 32, 64)
ROUNDS_MAX = 3  # they show shapes; what is held to a target stands in rows.py

WINDOW_BYTES = 64 * 2**20  # as pawl's default


def peers(names, quick):
    """Without those that take seconds to start, where it must be quick."""
    return [name for name in names if not (quick and name == "postgres")]


def in_rounds(rounds, plan):
    """Runs everything in `plan` (label, x, run) once a round; a list of {label, x, run}."""
    found = []
    for number in range(1, min(rounds, ROUNDS_MAX) + 1):
        print(f"curve, round {number}", flush=True)
        for label, x, run in plan:
            line = run()
            if line is not None:
                found.append({"label": label, "x": x, "run": line})
    return found


def measure_in_flight(programs, rounds):
    quick = programs.quick
    common = {"items": 200 if quick else 300_000, "steps": STEPS, "bytes": 100, "seconds_max": 0.1 if quick else 3}
    many = (1, 64) if quick else IN_FLIGHT
    plan = []

    def add(label, store, x, **options):
        plan.append((label, x, lambda: programs.overhead(store, **common, **options, in_flight=x)))

    for x in many:
        add("pawl", "pawl", x, workers=1)
        add("pawl, 2 workers", "pawl", x, workers=2)
        add("pawl, process", "pawl", x, workers=1, durability="process")
        for store in ("memory", "journal-floor", "lmdb-floor"):
            add(store, store, x)
    for store in peers(PEERS, quick):
        for x in (4,) if quick else PEER_THREADS:
            add(store, store, x)
    return in_rounds(rounds, plan)


def measure_payload(programs, rounds):
    quick = programs.quick
    plan = []
    for size in (2**14,) if quick else SIZES:
        # As many as fit into pawl's window of bytes, and two GiB of results in all.
        in_flight = max(THREADS, min(WINDOW, WINDOW_BYTES // size))
        items = 64 if quick else max(256, min(300_000, 2 * 2**30 // (STEPS * size)))
        common = {"items": items, "steps": STEPS, "bytes": size, "seconds_max": 0.1 if quick else 5}

        def add(store, threads, common=common, size=size):
            plan.append((store, size, lambda: programs.overhead(store, **common, in_flight=threads)))

        for store in ("pawl", "journal-floor", "lmdb-floor"):
            add(store, in_flight)
        for store in peers(GROUP_PEERS, quick):
            add(store, 4 if quick else THREADS)
    return in_rounds(rounds, plan)


def measure_chain(programs, rounds):
    quick = programs.quick
    plan = []
    for workers in (1, 2):
        label = "1 worker" if workers == 1 else f"{workers} workers"
        for steps in (1, 4) if quick else LENGTHS:
            items = 200 if quick else max(4 * WINDOW, 2_000_000 // steps)
            options = {"items": items, "steps": steps, "bytes": 100, "in_flight": WINDOW, "workers": workers}
            plan.append((label, steps, lambda options=options: programs.overhead("pawl", **options)))
    return in_rounds(rounds, plan)
