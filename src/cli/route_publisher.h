// RoutePublisher: puts together what the loops route by: the catalog's snapshot, and what runs for each version it
// names. It publishes when either changes.
//
// Threads: any, but for `sweep`, which frees what loops have let go of: the main one. `publish` is called on the
// catalog's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "catalog/publisher.h"
#include "edge/cron_clock.h"
#include "edge/routes.h"
#include "observe/sink.h"

namespace weir::cli {

class RoutePublisher {
 public:
  struct Options {
    const base::Clock& clock;  // borrowed, as `sink`
    observe::Sink& sink;
    std::string catalogPath;  // empty: none
    std::string workersDomain;
    std::chrono::hours auditFor;  // as Publisher::Options
    std::function<void(const std::shared_ptr<const edge::Routes>& routes)> publish;
    // Decides where a version runs, and makes it known by its number.
    std::function<void(const std::shared_ptr<sandbox::RunnableVersion>& version)> place;
    // What the catalog runs by the clock, whenever it may have changed. Called with a lock held.
    std::function<void(std::vector<edge::Schedule> schedules)> schedule = {};
  };
  static base::Result<std::unique_ptr<RoutePublisher>> start(Options options);
  ~RoutePublisher();

  // Whose the configured scripts are.
  const catalog::Account& account() const { return publisher_->firstAccount(); }

  // These configured versions and no others from now on, one per script, each with an odd number; `everyHost` names the
  // script that answers on every host. Published when it returns.
  void serve(const std::vector<std::shared_ptr<const sandbox::RunnableVersion>>& versions,
             const std::optional<std::string>& everyHost);

  // What the catalog says at the time of the call is published when it returns.
  void refresh() {
    (void)publisher_->run([](catalog::Catalog&) {});
  }
  // The version of a script whose id begins with these eight digits, there or not: loading it tells. Null: too many
  // that are in use.
  std::shared_ptr<const sandbox::RunnableVersion> preview(std::string_view account, std::string_view script,
                                                          uint32_t digits);
  // Routes to fresh, unloaded versions in the place of these.
  void renew(const std::vector<std::shared_ptr<const sandbox::RunnableVersion>>& versions);

  std::shared_ptr<const edge::Routes> current() const;
  // From now on every snapshot goes to `publish`; the current one at once.
  void open();
  void sweep();

 private:
  explicit RoutePublisher(Options options) : options_(std::move(options)) {}
  void onRouting(std::shared_ptr<const catalog::Routing> routing);
  // Keeps in mind by what limits the versions of each account run. By number, those that did by others until now: what
  // is loaded of them has the old ones.
  std::unordered_set<uint64_t> noteLimits(const catalog::Routing& routing);
  std::shared_ptr<sandbox::RunnableVersion> makeVersion(const std::string& account, const std::string& script,
                                                        const std::string& id, uint64_t stored, bool hasAssets);
  void swap(std::shared_ptr<const edge::Routes> routes);
  void schedule();

  const Options options_;
  base::SystemRandom random_;
  mutable std::mutex mutex_;  // guards the next seven
  std::shared_ptr<const edge::Routes> routes_;
  // What loops may still use. They let go of a snapshot with a decrement; what it holds is freed by `sweep`.
  std::vector<std::shared_ptr<const edge::Routes>> retired_;
  std::unordered_map<uint64_t, std::shared_ptr<const sandbox::RunnableVersion>> configured_;  // by number
  uint64_t nextNumber_ = 2;                                                    // of versions of the catalog: even
  std::map<std::string, std::shared_ptr<sandbox::RunnableVersion>> previews_;  // by account, script and digits
  std::unordered_map<std::string, wire::VersionLimits> limits_;  // of the versions that routes_ names, by account id
  bool open_ = false;
  std::unique_ptr<catalog::Publisher> publisher_;  // last: its thread uses the rest
};

}  // namespace weir::cli
