"""Runs solvers of one network side by side: compare.py RUNS GRAPH.min CHANGES NAME=COMMAND...

A command takes the network and a number of runs, and prints a line per run (objective, milliseconds, of which on a processor) and its peak of
memory. Runs alternate between the solvers, so that a busy machine harms all alike. The first solver also follows the changes.
"""

import os
import shlex
import statistics
import subprocess
import sys


def run(command, *arguments):
    lines = subprocess.run([*shlex.split(command), *arguments], check=True, capture_output=True, text=True).stdout.splitlines()
    times = [line.split() for line in lines if not line.startswith("peak")]
    peak = next(int(line.split()[1]) for line in lines if line.startswith("peak"))
    return times, peak


def main():
    runs, network, changes = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    solvers = [argument.split("=", 1) for argument in sys.argv[4:]]
    wall, processor, peaks, objectives = {}, {}, {}, set()
    for _ in range(runs):
        for name, command in solvers:
            [(objective, wall_ms, processor_ms)], peak = run(command, network, "1")
            objectives.add(objective)
            wall.setdefault(name, []).append(float(wall_ms))
            processor.setdefault(name, []).append(float(processor_ms))
            peaks.setdefault(name, []).append(peak)
    if len(objectives) != 1:
        sys.exit(f"{network}: objectives differ: {sorted(objectives)}")
    print(f"{os.path.basename(network)}: objective {objectives.pop()}")
    for name, _ in solvers:
        print(
            f"  {name:24} {statistics.median(processor[name]):10.1f} ms on a processor, {statistics.median(wall[name]):10.1f} ms by the clock,"
            f" {max(peaks[name]) / 1024:6.0f} MiB"
        )
    ours, *others = (statistics.median(processor[name]) for name, _ in solvers)
    print(f"  ours / best of the others: {ours / min(others):.2f}")
    if changes:
        again = []
        for _ in range(runs):
            times, _ = run(solvers[0][1], network, "1", changes)
            again.append([float(fields[2]) for fields in times])
        scratch, warm = (statistics.median(column) for column in list(zip(*again))[:2])
        print(f"  after 1 % of the tasks changed: {warm:.1f} ms on a processor, from scratch {scratch:.1f} ms: {scratch / max(warm, 0.001):.1f} times faster")


main()
