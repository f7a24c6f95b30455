// The record of an invocation as a line.
#include <benchmark/benchmark.h>

#include <vector>

#include "logs/trace_line.h"
#include "micro/samples.h"

namespace weir::bench {
namespace {

void traceLine(benchmark::State& state) {
  const Sample sample;
  observe::InvocationFinished fact;
  fact.ray = "0123456789abcdef";
  fact.script = "shop";
  fact.version = "c1ed857b-e9c1-5565-8b4f-3d46338fdb20";
  fact.outcome = wire::Outcome::kOk;
  fact.status = 200;
  fact.startedMs = 1.7e12;
  fact.cpuUs = 812;
  fact.wallUs = 1234;
  fact.responseBytes = 1024;
  fact.method = "GET";
  fact.url = sample.url;
  fact.requestHead.text = sample.head;
  const std::vector<observe::LogEntry> logs(static_cast<size_t>(state.range(0)),
                                            {1.7e12, wire::LogLevel::kLog, "user 42 asked for page 2 of 17"});
  fact.logs = logs;
  std::vector<char> line(logs::traceLineBytesMax(fact));
  size_t size = 0;
  for (auto _ : state) {
    size = static_cast<size_t>(logs::writeTraceLine(line.data(), fact) - line.data());
    benchmark::DoNotOptimize(line.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size));
}
BENCHMARK(traceLine)->Arg(0)->Arg(8);

}  // namespace
}  // namespace weir::bench
