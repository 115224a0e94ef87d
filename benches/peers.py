"""Recalculation against DuckDB, Python polars and pandas, over the same rows and with the same answers.

    python3 -m venv .venv
    .venv/bin/pip install -r notebooks/requirements.txt -r benches/requirements.txt
    .venv/bin/python benches/peers.py                  # --profile dev shares the build of the tests

Builds the program, makes a project of each size (20,000 incidents with 60,000 invoice lines, 4 and 16 times as
many) and compares; `--sizes 1,4 --runs 3` is a first look. `--base 1250000` goes up to 20 million incidents
with 60 million invoice lines, of which `gainshare run` has to read the exports first: a matter of hours, and of all
the memory of a larger machine.

Each size is a project of its own (`gainshare synth`, so as many real rows, none of them a copy) with the terms of
the complete example, read and settled by `gainshare run`. Compared are, each as a process of its own:

    floor      polars decodes the named columns (FLOOR in benches/recalculation.rs) of the plain canonical Parquet
    gainshare  what `gainshare recalc` does from the store with nothing kept of former runs: every KPI with its
               interval, baseline, settlement, all tables and documents but incident_facts
    measuring  the part of it that touches rows: from the store to cells, and the table billing_facts
    canonical  DuckDB, by SQL from the plain canonical Parquet
    store      DuckDB, by SQL from our prepared store
    polars     Python polars from the plain canonical Parquet: a part of the KPIs only
    pandas     pandas, the same part, as long as it fits into memory

Peers make the sums and histograms that the KPIs of the large tables are divided from, and stop there, as
`measuring` does. Before any timing, .ci/kpi_values.py makes KPIs of them (benches/peers/answers.py), and each must
be the published one in every scope and period. A difference, or a process that fails, ends this with exit code 1;
timings never do. Then all run in turn, so that a busy moment of the machine falls on all of them. Printed are
medians, medians of the ratios within a turn, and the largest resident memory. Of the whole recalculation the wall
time of the process counts; of all others the time without start and imports.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from datetime import datetime

HERE = pathlib.Path(__file__).parent
EXAMPLE = HERE.parent / "data" / "complete"
SEED = "20250101"
# Invoice lines per incident.
LINES = 3
PEERS = ("canonical", "store", "polars", "pandas")
# Those that hold everything in memory, and are left out where that would not fit.
IN_MEMORY = ("polars", "pandas")
WHAT = {
    "floor": "floor: polars decodes the named columns",
    "gainshare": "gainshare, whole recalculation",
    "measuring": "gainshare, measuring alone",
    "canonical": "DuckDB from canonical Parquet",
    "store": "DuckDB from our store",
    "polars": "Python polars, part of the KPIs",
    "pandas": "pandas, part of the KPIs",
}


class Failed(Exception):
    """A process that ended badly, with what it said."""


def python(script, *given):
    return [sys.executable, str(HERE / "peers" / script), *map(str, given)]


def timed(command, threads):
    """(seconds, peak of resident memory in MB, stdout) of a process."""
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "POLARS_MAX_THREADS": str(threads)}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
        start = time.perf_counter()
        child = subprocess.Popen(command, env=environment, stdout=said, stderr=complaint)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        said.seek(0)
        complaint.seek(0)
        text = said.read().decode()
        if child.returncode != 0:
            raise Failed(
                f"{' '.join(command)}: exit code {child.returncode}\n{text[-3000:]}{complaint.read().decode()[-3000:]}"
            )
    scale = 1024 if sys.platform == "darwin" else 1
    return seconds, usage.ru_maxrss / scale / 1024, text


def built(profile, name, *what):
    """Builds a target and gives its path; with a bench the program is built as well."""
    command = ["cargo", *what, "--profile", profile, "--message-format", "json-render-diagnostics"]
    said = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, check=True, text=True).stdout
    made = [json.loads(line) for line in said.splitlines()]
    own = (m.get("executable") for m in made if m.get("target", {}).get("name") == name)
    return next(path for path in own if path)


class Size:
    """A project with its store and output, and the commands that are compared on it."""

    def __init__(self, project, work, threads):
        self.project, self.work, self.threads, self.bench = project, work, threads, None
        self.store, self.out, self.plain = project / "store", project / "out", work / "plain"
        settings = tomllib.loads((EXAMPLE / "gainshare.toml").read_text(encoding="utf-8"))
        self.as_of = int(datetime.fromisoformat(settings["as_of"]).timestamp())

    @staticmethod
    def made(work, profile, incidents, threads):
        """A project of so many incidents, kept for the next time where the folder is."""
        size = Size(work / f"incidents-{incidents}", work / f"incidents-{incidents}", threads)
        done = size.project / "made"
        if done.exists():
            return size
        program = built(profile, "gainshare", "build", "--bin", "gainshare")
        shutil.rmtree(size.project, ignore_errors=True)
        size.project.mkdir(parents=True)
        shutil.copy(EXAMPLE / "gainshare.toml", size.project)
        for folder in ("mappings", "terms"):
            shutil.copytree(EXAMPLE / folder, size.project / folder)
        rows = ["--incidents", str(incidents), "--invoice-lines", str(LINES * incidents)]
        timed([program, "synth", str(size.project), "--seed", SEED, *rows], threads)
        timed([program, "run", "--quiet", str(size.project)], threads)
        # The exports are large, and no longer needed.
        shutil.rmtree(size.project / "input")
        size.write_plain()
        done.touch()
        return size

    def write_plain(self):
        timed(python("plain.py", self.store, self.plain), self.threads)

    def cells(self, peer):
        folder = self.work / "cells" / peer
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def command(self, name):
        if name == "floor":
            return python("floor.py", self.plain)
        if name == "gainshare":
            return [self.bench, str(self.project)]
        if name in ("canonical", "store"):
            return python(
                "duckdb_peer.py", name, self.store if name == "store" else self.plain, self.cells(name), self.as_of
            )
        return python(f"{name}_peer.py", self.plain, self.cells(name), self.as_of)

    def run(self, name):
        """(wall seconds, peak in MB, what the process said)."""
        wall, peak, text = timed(self.command(name), self.threads)
        return wall, peak, json.loads(text)

    def turn(self, names):
        """Runs everything once; {name: (seconds, peak in MB)}."""
        times = {}
        for name in names:
            if name == "gainshare":
                # Nothing kept of former runs, and still the same bytes.
                shutil.rmtree(self.project / ".store.cache", ignore_errors=True)
                before = (self.out / "_manifest.json").read_bytes()
                wall, peak, stages = self.run(name)
                if (self.out / "_manifest.json").read_bytes() != before:
                    raise Failed(f"{self.project}: a recalculation gave other bytes")
                times[name], times["measuring"] = (wall, peak), (stages["measuring"], peak)
            else:
                _, peak, said = self.run(name)
                times[name] = said["seconds"], peak
        return times

    def answers(self, peer, same_as):
        """Makes the cells of a peer and compares them with what was published; gives the peak in MB."""
        _, peak, _ = self.run(peer)
        part = "subset" if peer in IN_MEMORY else "all"
        like = [self.cells(same_as)] if same_as else []
        _, _, text = timed(python("answers.py", self.out, self.cells(peer), self.plain, part, *like), self.threads)
        print(f"  {WHAT[peer]}: {text.strip()}", flush=True)
        return peak


def available_mb():
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable"))


def machine(threads):
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("duckdb", "polars", "pandas")
        if importlib.util.find_spec(name)
    )
    return f"{model}, {threads} threads, {platform.system()}; {versions}"


def table(size, turns):
    """Markdown rows of one size."""
    lines = [f"| {size} | median | ÷ floor | ÷ measuring | ÷ whole | peak memory |", "|---|--:|--:|--:|--:|--:|"]
    for name in turns[0]:
        ratios = [
            statistics.median(turn[name][0] / turn[of][0] for turn in turns)
            for of in ("floor", "measuring", "gainshare")
        ]
        seconds = statistics.median(turn[name][0] for turn in turns)
        peak = max(turn[name][1] for turn in turns)
        shown = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(f"| {WHAT[name]} | {seconds:.2f} s | {shown} | {peak:,.0f} MB |")
    return "\n".join(lines) + "\n"


def growth(per_million):
    """Markdown rows: seconds per million tickets at each size."""
    factors = sorted({factor for by in per_million.values() for factor in by})
    lines = ["| seconds per million tickets | " + " | ".join(f"{f:g}×" for f in factors) + " |"]
    lines.append("|---|" + "--:|" * len(factors))
    for name, by in per_million.items():
        lines.append(f"| {WHAT[name]} | " + " | ".join(f"{by[f]:.2f}" if f in by else "" for f in factors) + " |")
    return "\n".join(lines) + "\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", default="1,4,16", help="multiples of the base (1,4,16)")
    parser.add_argument("--base", type=int, default=20_000, help="incidents of 1x (20000)")
    parser.add_argument("--runs", type=int, default=5, help="turns that are timed; 0 only compares answers (5)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of each process (all)")
    parser.add_argument("--peers", default=",".join(PEERS), help="which of " + ", ".join(PEERS))
    parser.add_argument("--profile", default="release", help="of cargo; dev shares the build of the tests (release)")
    parser.add_argument("--work", type=pathlib.Path, help="folder that keeps the projects for the next time")
    parser.add_argument("--markdown", type=pathlib.Path, help="file to write the tables to")
    parser.add_argument(
        "--project", type=pathlib.Path, help="a project with the example's terms that was run, instead of making some"
    )
    given = parser.parse_args()
    given.sizes = [1.0] if given.project else [float(size) for size in given.sizes.split(",")]
    given.peers = given.peers.split(",")
    if strange := set(given.peers) - set(PEERS):
        parser.error(f"no such peer: {', '.join(sorted(strange))}")
    return given


def measure(given, work):
    page = [machine(given.threads), ""]
    print(page[0], flush=True)
    bench = built(given.profile, "recalc", "bench", "--bench", "recalc", "--no-run") if given.runs else None
    peaks, per_million = {}, {}
    for factor in given.sizes:
        incidents = int(factor * given.base)
        if given.project:
            size = Size(given.project, work, given.threads)
            size.write_plain()
        else:
            size = Size.made(work, given.profile, incidents, given.threads)
        size.bench = bench
        rows = size.run("floor")[2]["rows"]
        title = f"{factor:g}×: {rows['incidents']:,} tickets, {rows['incident_events']:,} changes, {rows['billing']:,} invoice lines"
        print(title, flush=True)
        peers = []
        for peer in given.peers:
            known, peak = peaks.get(peer, (incidents, 0))
            if peer in IN_MEMORY and peak * incidents / known > available_mb():
                print(f"  {WHAT[peer]}: left out, would take about {peak * incidents / known:,.0f} MB", flush=True)
                continue
            peaks[peer] = incidents, size.answers(peer, peers[0] if peers else None)
            peers.append(peer)
        if not given.runs:
            continue
        turns = [size.turn(["floor", "gainshare", *peers]) for _ in range(given.runs)]
        page.append(table(title, turns))
        print(page[-1], flush=True)
        for name in turns[0]:
            seconds = statistics.median(turn[name][0] for turn in turns)
            per_million.setdefault(name, {})[factor] = seconds / rows["incidents"] * 1e6
    if len(given.sizes) > 1 and given.runs:
        page.append(growth(per_million))
        print(page[-1], flush=True)
    if given.markdown and given.runs:
        given.markdown.write_text("\n".join(page), encoding="utf-8")


def main():
    given = arguments()
    try:
        if given.work:
            given.work.mkdir(parents=True, exist_ok=True)
            return measure(given, given.work)
        with tempfile.TemporaryDirectory() as work:
            return measure(given, pathlib.Path(work))
    except Failed as failure:
        sys.exit(str(failure))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"{' '.join(failure.cmd)}: exit code {failure.returncode}")


if __name__ == "__main__":
    main()
