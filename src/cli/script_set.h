// ScriptSet: the scripts that are served, as versions: each is checked in a throwaway engine, once in its life, and
// starts from the image that the check made.
//
// Story of one version: a script that is new, or has changed, becomes a version. If the store knows it, it serves at
// once. If not, it waits for its check, and the version before it serves on; where there is none before it, it serves
// meanwhile from its source. A version that fails its check is reported and never takes the place of one that works;
// the first of its script answers with the error page of its failure.
//
// Threads: any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/config.h"
#include "edge/cron_clock.h"
#include "observe/sink.h"
#include "sandbox/check_queue.h"
#include "sandbox/profile_store.h"
#include "sandbox/version_store.h"
#include "sandbox/version_table.h"

namespace weir::cli {

// What isolates start from at best. Less than everything is for tests and measurements.
enum class StartFrom : uint8_t { kSource, kCodeCache, kSnapshot };
// As operators write it: "source", "code-cache", "snapshot".
std::optional<StartFrom> parseStartFrom(std::string_view text);

class ScriptSet {
 public:
  struct Options {
    // Borrowed, and outlive this.
    sandbox::VersionStore& store;
    const sandbox::ProfileStore& profiles;
    sandbox::VersionTable& versions;
    observe::Sink& sink;
    StartFrom startFrom = StartFrom::kSnapshot;
    sandbox::CheckQueue::Options checks;
    std::string owner;  // account id of the scripts
    // Decides where a new version runs.
    std::function<void(sandbox::RunnableVersion& version)> place;
    // Gives loops what they serve, a version per script, and the script that answers on every host; called with a lock
    // held, so that the last call has the newest. `then` is called once, on any thread, when every loop serves it.
    std::function<void(const std::vector<std::shared_ptr<const sandbox::RunnableVersion>>& versions,
                       const std::optional<std::string>& everyHost,
                       const std::shared_ptr<const std::vector<edge::Schedule>>& schedules, std::function<void()> then)>
        publish;
  };
  explicit ScriptSet(Options options);
  // Gives up the checks that run.
  ~ScriptSet();

  // These scripts and no others from now on. An error names the script that cannot be one; nothing changes then.
  base::Status set(const std::vector<ScriptConfig>& scripts, bool everyHost);

 private:
  struct Prepared {
    std::string script;
    std::vector<std::string> crons;
    sandbox::VersionStore::Key key;
    std::shared_ptr<sandbox::RunnableVersion> version;
    wire::Descriptor toCheck;  // the bundle as a check sees it
  };
  struct Entry {
    sandbox::VersionStore::Key key;  // of the newest
    std::vector<std::string> crons;
    std::shared_ptr<sandbox::RunnableVersion> serving;
    std::shared_ptr<sandbox::RunnableVersion> waiting;  // for its check
  };

  static base::Result<Prepared> prepare(const ScriptConfig& script);
  // What the store knows of it, when it serves because of that.
  std::optional<sandbox::VersionRecord> admit(Prepared prepared);
  void check(Prepared prepared);
  void onVerdict(const std::string& script, wire::VersionId number, const sandbox::VersionStore::Key& key,
                 base::Result<sandbox::CheckVerdict> verdict);
  void report(const sandbox::RunnableVersion& version, const sandbox::StartRefusal& refusal, bool profiled);
  // A version that passed its check; `kept`: the check was not run again.
  struct Passed {
    std::shared_ptr<const sandbox::RunnableVersion> version;
    sandbox::VersionRecord record;
    bool kept;
  };
  static void report(observe::Sink& sink, const Passed& passed);
  // Tells of these when requests go to them.
  void publish(std::vector<Passed> passed);
  void sweep();

  const Options options_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  bool everyHost_ = false;
  uint64_t nextVersion_ = 1;   // odd: the catalog's versions have the even numbers
  sandbox::CheckQueue queue_;  // last: its threads end before what they use
};

}  // namespace weir::cli
