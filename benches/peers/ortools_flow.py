"""Solves a DIMACS minimum cost flow file with OR-Tools: ortools_flow.py GRAPH.min RUNS.

Prints one line per run: objective, milliseconds of the solve alone, of which on a processor; and at the end the peak resident memory in KiB.
"""

import resource
import sys
import time

import numpy as np
from ortools.graph.python import min_cost_flow


def read(path):
    supplies, arcs = {}, []
    n_nodes = 0
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if not fields or fields[0] == "c":
                continue
            if fields[0] == "p":
                n_nodes = int(fields[2])
            elif fields[0] == "n":
                supplies[int(fields[1]) - 1] = int(fields[2])
            elif fields[0] == "a":
                arcs.append([int(field) for field in fields[1:6]])
    return n_nodes, supplies, np.array(arcs, dtype=np.int64)


def main():
    n_nodes, supplies, arcs = read(sys.argv[1])
    supply = np.zeros(n_nodes, dtype=np.int64)
    for node, amount in supplies.items():
        supply[node] = amount
    tails, heads = arcs[:, 0] - 1, arcs[:, 1] - 1
    lower, capacity, cost = arcs[:, 2], arcs[:, 3], arcs[:, 4]
    if lower.any():
        sys.exit("lower bounds are not written for this peer")
    for _ in range(int(sys.argv[2])):
        solver = min_cost_flow.SimpleMinCostFlow()
        solver.add_arcs_with_capacity_and_unit_cost(tails, heads, capacity, cost)
        solver.set_nodes_supplies(np.arange(n_nodes), supply)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        status = solver.solve()
        end, end_cpu = time.perf_counter(), time.process_time()
        if status != solver.OPTIMAL:
            sys.exit(f"no optimum: {status}")
        print(solver.optimal_cost(), f"{(end - begin) * 1e3:.3f} {(end_cpu - begin_cpu) * 1e3:.3f}")
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


main()
