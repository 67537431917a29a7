"""What the numbers depend on beside the programs: processor, disk, file system, versions."""

import datetime
import os
import platform
import re
import subprocess
import sys


def output(*command):
    """The first line that a command prints; nothing where there is no such command or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 else ""


def load():
    return os.getloadavg()[0]


def warn_if_busy():
    if load() > 0.5:
        print(f"warning: the machine is busy (load {load():.2f}); "
              "on a virtual one a flush may then take ten times as long", file=sys.stderr)


def field(file, name):
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(name):
                return line.split(":", 1)[1].strip()
    return "unknown"


def of_disk(disk, what):
    """A field of df for the file system on which a folder lies."""
    done = subprocess.run(["df", f"--output={what}", str(disk)], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def disk_kind(disk):
    device = of_disk(disk, "source")
    kinds = {"/dev/vd": "a virtio disk", "/dev/nvme": "an NVMe disk", "/dev/sd": "a SCSI or SATA disk"}
    for prefix, kind in kinds.items():
        if device.startswith(prefix):
            return kind
    return "a disk of unknown kind"


def file_system(disk):
    kind = of_disk(disk, "fstype")
    journals = "/proc/fs/jbd2"
    if kind == "ext4" and os.path.isdir(journals) and not os.listdir(journals):
        kind += " without a journal"
    return kind


def postgres_version():
    folders = sorted((f for f in os.listdir("/usr/lib/postgresql") if f.isdigit()), key=int) \
        if os.path.isdir("/usr/lib/postgresql") else []
    found = output(f"/usr/lib/postgresql/{folders[-1]}/bin/postgres", "--version") if folders else ""
    number = re.search(r"\d+(\.\d+)*", found)
    return number.group() if number else ""


def versions():
    known = {"LMDB": output("pkg-config", "--modversion", "lmdb"),
             "SQLite": output("pkg-config", "--modversion", "sqlite3"),
             "RocksDB": output("pkg-config", "--modversion", "rocksdb"),
             "PostgreSQL": postgres_version()}
    found = [f"{name} {version}" for name, version in known.items() if version]
    return ", ".join(found + [f"compiled by {output('c++', '--version')}"])


def describe(disk):
    memory_gib = int(field("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    text = (f"{os.cpu_count()} cores ({field('/proc/cpuinfo', 'model name')}), {memory_gib:.0f} GiB, "
            f"{file_system(disk)} on {disk_kind(disk)}, Linux {platform.release().split('-')[0]}, "
            f"load {load():.2f} when it began")
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return {"machine": text, "versions": versions(), "date": today.isoformat()}
