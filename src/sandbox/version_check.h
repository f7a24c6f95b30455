// VersionCheck: one version's top-level scope, run in an engine that lives for nothing else, and what came of it.
//
// The engine runs code that nobody has seen before, so everything it says is hostile: messages out of order, blobs that
// are not sealed or too large, words that are none end it, and the version is refused. What it can do at worst is to
// lie about its own version.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "sandbox/engine_process.h"
#include "sandbox/nursery.h"
#include "wire/message.h"
#include "wire/sealed_blob.h"

namespace weir::sandbox {

struct CheckLimits {
  std::chrono::milliseconds readyMax{20'000};
  std::chrono::milliseconds scopeWallMax{60'000};  // its CPU time is bounded by the version's own limit
  std::chrono::milliseconds imageWallMax{30'000};  // writing the heap and reading it back
  uint64_t memoryBytesMax = 1ULL << 30;            // of the whole process
};

// The version may run.
struct CheckedVersion {
  uint64_t startupUs = 0;                                   // CPU of the top-level scope
  std::string handlers;                                     // names, separated by commas
  wire::StartSource source = wire::StartSource::kCompiled;  // what `image` is; kCompiled: there is none
  wire::BlobMapping image;
  uint32_t hashMark = 0;  // of the engine that made it
  std::string reason;     // why `source` is not kSnapshot
};

// The version cannot run: its script's fault, in the words of upload errors.
struct StartRefusal {
  wire::StartFailure failure = wire::StartFailure::kException;
  std::string message;  // one line, then one per frame
  std::string file;     // empty: no place is known
  uint32_t line = 0;
  uint32_t column = 0;
  bool missing = false;   // not the script's fault: there is no such version
  std::string profile{};  // of a scope that took too long: JSON for developer tools, as the engine made it; or empty
};

using CheckVerdict = std::variant<CheckedVersion, StartRefusal>;

// A resource; one thread at a time. The thread that prepares it must live as long (EngineProcess).
class VersionCheck {
 public:
  // Of what yields to traffic: an engine that checks, and the thread that starts and watches it.
  static constexpr int kYieldingNice = 10;

  struct Options {
    const EngineImage& image;
    const wire::Descriptor& baseSnapshot;
    std::vector<std::string> nodeFlags;
    bool requireSandbox = false;
    bool yielding = false;  // runs at low priority: kYieldingNice
    CheckLimits limits{};
  };
  // Starts the engine and waits until it is locked down, some 100 ms; gives up when `stop` becomes readable.
  static base::Result<std::unique_ptr<VersionCheck>> prepare(const Options& options, int stop);
  // The same with one that was just made.
  static base::Result<std::unique_ptr<VersionCheck>> prepare(const Options& options,
                                                             std::unique_ptr<EngineProcess> engine, int stop);
  // What makes such engines: some milliseconds each (nursery.h).
  static base::Result<std::unique_ptr<Nursery>> startNursery(const Options& options, int stop);

  bool alive() { return !process_->reap(); }
  // The engine ended by itself with the script in it: another attempt, without the heap, may go well.
  bool died() const { return died_; }
  // It said nothing for as long as it may: another attempt would only hold up others.
  bool timedOut() const { return timedOut_; }

  // Checks the version whose bundle (wire/bundle.h) the sealed blob holds; once. Where V8 aborts on the heap there is
  // no image at all, and a reason: only another engine can then make the code cache. An error says that no verdict was
  // reached: the platform's trouble, or `stop` became readable.
  base::Result<CheckVerdict> run(const wire::Descriptor& bundle, wire::CheckVersion wanted);

 private:
  enum class Woken { kMessage, kEnded, kTimeout, kMemory, kStopped };
  VersionCheck() = default;
  Woken wait(std::chrono::steady_clock::time_point deadline);
  bool listen();
  std::string said();
  StartRefusal brokeProtocol();
  StartRefusal refusalAfterDeath(const EngineExit& exit) const;

  std::unique_ptr<EngineProcess> process_;
  CheckLimits limits_;
  int stop_ = -1;
  bool died_ = false;
  bool timedOut_ = false;
  std::string line_;  // of what it printed
};

}  // namespace weir::sandbox
