// Quarantine: scripts that cost engines their threads, kept from everybody else's engines.
//
// A script that parks a thread makes its engine one that has to be replaced (engine/park.h). Once is bad luck; one that
// does it `parksMax` times within `parksWithin` gets an engine of its own, from a few slots that stand empty until then
// and that such scripts share only when there are more of them. After `holdFor` without another park it may come back.
//
// Threads: everything on the supervisor's, but for `homeOf` and what is atomic in a home.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace weir::sandbox {

struct QuarantineLimits {
  uint32_t parksMax = 3;  // 0: never
  std::chrono::seconds parksWithin{600};
  std::chrono::seconds holdFor{3600};
  uint32_t slots = 4;
};

// Where the invocations of a script go, whatever its version. Shared by its versions and the quarantine.
struct ScriptHome {
  static constexpr uint32_t kShared = ~uint32_t{0};
  std::atomic<uint32_t> slot{
      kShared};  // the engine slot it is confined to; kShared: where its versions' placement says
};

// A script is named so that no two have one name: two accounts may each have a script that is called the same.
class Quarantine {
 public:
  // Its slots are firstSlot, firstSlot + 1, …
  Quarantine(QuarantineLimits limits, uint32_t firstSlot) : limits_(limits), firstSlot_(firstSlot) {}

  // The home of a script, the same for as long as anybody holds it. Any thread.
  std::shared_ptr<ScriptHome> homeOf(const std::string& script);

  // A version of the script has cost an engine a thread. True: this confined it.
  bool parked(const std::string& script, base::Instant now);

  // Lets go of those that have been quiet for long enough; true when there were any.
  bool release(base::Instant now);

  bool uses(uint32_t slot) const;
  std::vector<std::string> scriptsIn(uint32_t slot) const;

 private:
  struct Record {
    std::vector<base::Instant> parks;  // the last parksMax at most
    std::shared_ptr<ScriptHome> home;  // set while confined
  };

  const QuarantineLimits limits_;
  const uint32_t firstSlot_;
  std::unordered_map<std::string, Record> records_;  // of scripts that parked lately
  std::mutex homesMutex_;
  std::unordered_map<std::string, std::weak_ptr<ScriptHome>> homes_;
};

}  // namespace weir::sandbox
