// One measurement: a fixed number of requests over keep-alive connections, each connection sending its next request
// when the last one was answered. Bounded in time. One thread; the process clocks of the measured servers are read at
// the moment the warm-up has ended and at the moment the last answer is in.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::bench {

struct RunOptions {
  uint16_t port = 0;
  uint32_t connections = 32;
  uint64_t requests = 10'000;
  uint64_t warmup = 0;       // requests sent before, which do not count
  std::string request;       // head and body, as it goes over the wire
  uint64_t expectBytes = 0;  // body of every answer; 0: any
  std::chrono::milliseconds timeMax{60'000};
  std::chrono::microseconds pause{0};  // between an answer and the next request of its connection
  std::vector<pid_t> processes;        // whose CPU time is taken
};

struct RunResult {
  uint64_t answered = 0;
  uint64_t failed = 0;      // wrong status or length, broken or lost connection
  uint64_t unanswered = 0;  // open or unsent when the time was over
  uint64_t bodyBytes = 0;
  double seconds = 0;
  std::string firstFailure;
  std::vector<uint32_t> latenciesUs;  // sorted; of the answered
  struct Cpu {
    pid_t process;
    int64_t ns;  // user and system, threads that ended included; -1: the process has gone
  };
  std::vector<Cpu> cpu;
};

RunResult run(const RunOptions& options);

// Nearest rank; 0 when there is none. `sorted` ascending, 0 < share <= 1.
uint32_t percentile(const std::vector<uint32_t>& sorted, double share);

}  // namespace weir::bench
