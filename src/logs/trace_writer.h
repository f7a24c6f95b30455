// TraceWriter: the record of every invocation, one JSON line each (trace_line.h), in `traces.jsonl` of the data
// directory.
//
// A loop formats a line straight into the chunk of its lane and publishes it with one store; no lock, no system call
// and, while the disk keeps up, no allocation. One thread of the writer's own collects what the lanes have published —
// when a chunk is full, and at least every `flushEvery` — and appends it to the file in whole lines. When the disk
// falls behind by more than `backlogBytesMax`, lines are dropped and counted; the request path never waits.
//
// At `fileBytesMax` the file becomes traces.jsonl.1, the older ones move up, and what was the oldest goes. A process
// that is killed leaves at most one torn last line, which the next start cuts off.
//
// One writer per directory; whoever owns the data directory sees to that.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "observe/sink.h"

namespace weir::logs {

struct TraceWriterOptions {
  std::string directory;  // exists
  uint32_t lanes = 1;     // loops that report
  uint64_t fileBytesMax = uint64_t{256} << 20;
  uint32_t oldFilesMax = 4;
  uint64_t backlogBytesMax = uint64_t{64} << 20;  // over all lanes
  size_t chunkBytes = 256u << 10;
  std::chrono::milliseconds flushEvery{100};
};

class TraceWriter final : public observe::Sink {
 public:
  static constexpr std::string_view kFileName = "traces.jsonl";

  // Repairs a torn last line, opens the file and starts the thread. Error: the file cannot be opened or repaired.
  static base::Result<std::unique_ptr<TraceWriter>> open(TraceWriterOptions options);
  // Writes what was published, then ends the thread. No loop may report any more.
  ~TraceWriter() override;
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  // On the thread of `loop` only; loops outside the lanes are counted as dropped.
  void invocationFinished(uint32_t loop, const observe::InvocationFinished& fact) override;

  // Returns when everything published before the call is in the file or dropped. Any thread; waits for the disk.
  void flush();

  struct Figures {
    uint64_t written = 0;   // lines
    uint64_t dropped = 0;   // lines, for want of room or because the disk refused them
    uint64_t bytes = 0;     // written since start
    std::string lastError;  // of the disk; empty: none so far
  };
  // Any thread.
  Figures figures() const;

 private:
  class Lane;
  class Collector;
  explicit TraceWriter(TraceWriterOptions options);

  std::unique_ptr<Collector> collector_;
};

}  // namespace weir::logs
