// StartupProfile: where a top-level scope spends its time, as developer tools open it (.cpuprofile).
//
// Made and ended by the thread that holds the isolate. V8 samples it from a thread of its own, which the script's CPU
// time does not include.
#pragma once

#include <v8-profiler.h>

#include <cstddef>
#include <string>

namespace weir::engine {

class StartupProfile {
 public:
  explicit StartupProfile(v8::Isolate* isolate);
  ~StartupProfile();
  StartupProfile(const StartupProfile&) = delete;
  StartupProfile& operator=(const StartupProfile&) = delete;

  // Stops, once; JSON, or empty where it would be longer than `bytesMax`.
  std::string end(size_t bytesMax);

 private:
  v8::Isolate* const isolate_;
  v8::CpuProfiler* const profiler_;
  bool ended_ = false;
};

}  // namespace weir::engine
