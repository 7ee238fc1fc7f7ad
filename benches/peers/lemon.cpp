// Solves a DIMACS minimum cost flow file with LEMON: lemon ALGORITHM GRAPH.min RUNS, where ALGORITHM is network-simplex or cost-scaling.
// Prints one line per run: objective, milliseconds of the solve alone, of which on a processor; and at the end the peak resident memory in KiB.
#include <lemon/cost_scaling.h>
#include <lemon/dimacs.h>
#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

using Graph = lemon::SmartDigraph;

template <typename Algorithm>
int solve(const Graph& graph, const Graph::ArcMap<long>& lower, const Graph::ArcMap<long>& upper,
          const Graph::ArcMap<long>& cost, const Graph::NodeMap<long>& supply, int runs) {
  for (int run = 0; run < runs; ++run) {
    std::clock_t begin_cpu = std::clock();
    auto begin = std::chrono::steady_clock::now();
    Algorithm algorithm(graph);
    algorithm.lowerMap(lower).upperMap(upper).costMap(cost).supplyMap(supply);
    auto status = algorithm.run();
    auto end = std::chrono::steady_clock::now();
    std::clock_t end_cpu = std::clock();
    if (status != Algorithm::OPTIMAL) {
      std::puts("no optimum");
      return 1;
    }
    double ms = std::chrono::duration<double, std::milli>(end - begin).count();
    double cpu_ms = 1e3 * static_cast<double>(end_cpu - begin_cpu) / CLOCKS_PER_SEC;
    std::printf("%lld %.3f %.3f\n", static_cast<long long>(algorithm.template totalCost<long long>()), ms, cpu_ms);
  }
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::printf("peak %ld\n", usage.ru_maxrss);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: lemon network-simplex|cost-scaling GRAPH.min RUNS\n", stderr);
    return 2;
  }
  std::ifstream file(argv[2]);
  Graph graph;
  Graph::ArcMap<long> lower(graph), upper(graph), cost(graph);
  Graph::NodeMap<long> supply(graph);
  lemon::readDimacsMin(file, graph, lower, upper, cost, supply);
  int runs = std::atoi(argv[3]);
  if (std::string(argv[1]) == "network-simplex")
    return solve<lemon::NetworkSimplex<Graph, long, long>>(graph, lower, upper, cost, supply, runs);
  return solve<lemon::CostScaling<Graph, long, long>>(graph, lower, upper, cost, supply, runs);
}
