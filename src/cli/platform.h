// Platform: the concrete parts, built and wired: engines, loops, sinks. The supervisor of engines is here.
//
// Threads: made and run on the main thread, which starts engines and restarts them; each loop has a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cli/config.h"
#include "edge/edge_loop.h"
#include "logs/metrics.h"
#include "logs/trace_writer.h"

namespace weir::cli {

struct PlatformOptions {
  std::string edge = "127.0.0.1:8787";
  std::string data = "./data";
  uint32_t engines = 0;  // 0: one per core
  uint32_t loops = 0;    // 0: one per core
  std::string workersDomain = "workers.localhost";
  bool requireSandbox = false;
  std::string node;       // host executable
  std::string engineDir;  // addon, launcher and base snapshot
  observe::Sink* extraSink = nullptr;  // borrowed
};

class Platform {
 public:
  static base::Result<std::unique_ptr<Platform>> start(const PlatformOptions& options, const base::Clock& clock);
  ~Platform();

  std::string address() const;
  const std::vector<std::shared_ptr<sandbox::EngineLink>>& engines() const { return engines_; }

  // Routes to these scripts from now on; in-flight requests finish on what they started with.
  base::Status setScripts(const std::vector<ScriptConfig>& scripts, bool everyHost);

  // Supervises until `stopDescriptor` is readable, then drains. `onTick` is called about once a second, and soon after
  // `wake` descriptors become readable.
  void run(int stopDescriptor, const std::function<void()>& onTick);

 private:
  Platform(const PlatformOptions& options, const base::Clock& clock) : options_(options), clock_(clock) {}
  base::Result<std::shared_ptr<sandbox::EngineLink>> startEngine(uint32_t index);
  void superviseOnce();

  PlatformOptions options_;
  const base::Clock& clock_;
  std::unique_ptr<sandbox::EngineImage> image_;
  wire::Descriptor baseSnapshot_;
  std::unique_ptr<logs::TraceWriter> traces_;
  std::vector<std::shared_ptr<sandbox::EngineLink>> engines_;
  std::vector<std::unique_ptr<edge::EdgeLoop>> loops_;
  std::vector<std::thread> threads_;
  std::vector<int> failedStarts_;
  uint64_t nextVersion_ = 1;
};

}  // namespace weir::cli
