"""Starts the programs of a build; each prints one line of JSON."""

import json
import pathlib
import subprocess


class Trouble(Exception):
    """Something that the person at the keyboard must know; no measurement goes on."""


class Refused(Trouble):
    """A program ended with an error; `words` are its own."""

    def __init__(self, command, words_of_program):
        super().__init__(f"{' '.join(command)}: {words_of_program}")
        self.words = words_of_program


class Programs:
    """`absent`: stores, and kinds of durability, that cannot be measured here, each with the reason."""

    def __init__(self, build, disk, quick):
        self.folder = pathlib.Path(build) / "bench"
        self.disk = disk
        self.quick = quick
        listed = self._run("overhead", "--list")
        self.stores = listed["stores"]
        self.absent = dict(listed["absent"])
        if "memory" not in self.stores:
            self.absent.setdefault("memory", "this build's overhead does not know it")
        self._probe_process()

    def here(self, store, durability="power"):
        """Can pawl, or a peer, be measured with that durability?"""
        return store in self.stores and not (store == "pawl" and durability in self.absent)

    def overhead(self, store, **options):
        """One run of one store. None where it cannot be measured here."""
        if not self.here(store, options.get("durability", "power")):
            return None
        found = self._run("overhead", "--json", "--store", store, *self._where(), **options)
        print(f"  {store} {words(options)}: {found['steps_per_second']:,.0f} steps/s", flush=True)
        return found

    def other(self, program, *flags, **options):
        found = self._run(program, *flags, *self._where(), **options)
        print(f"  {program} {words(options)}", flush=True)
        return found

    def _probe_process(self):
        try:
            self._run("overhead", "--json", *self._where(), store="pawl", durability="process", items=1)
        except Refused as refused:
            if "durability" not in refused.words:
                raise
            self.absent["process"] = refused.words

    def _where(self):
        return ["--dir", str(self.disk)]

    def _run(self, program, *flags, **options):
        command = [str(self.folder / program), *flags]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as failure:
            advice = "build the target `benches` first"
            raise Trouble(f"cannot start {command[0]}: {failure.strerror}; {advice}") from failure
        if done.returncode != 0:
            raise Refused(command, done.stderr.strip() or f"ended with {done.returncode}")
        return json.loads(done.stdout)


def words(options):
    return " ".join(f"{name}={value}" for name, value in options.items())
