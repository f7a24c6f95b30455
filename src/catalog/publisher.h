// Publisher: the catalog's thread in a serving process. It keeps the routing current: whoever changes the catalog, this
// process or another, a new snapshot is handed on within `poll`. It also saves what accounts have used, and lets the
// audit log forget.
//
// Threads: `configure` and `run` from any but its own; `publish` and `onProblem` are called on its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "catalog/ledger.h"
#include "catalog/routing_model.h"
#include "store/writer_thread.h"

namespace weir::catalog {

class Publisher {
 public:
  struct Options {
    const base::Clock& clock;  // borrowed, as `random`
    base::Random& random;
    std::string path;  // of the catalog's file; empty: no catalog, only what is configured
    std::string workersDomain = "workers.localhost";
    std::chrono::milliseconds poll{20};
    std::chrono::milliseconds saveUsage{1'000};
    std::chrono::hours auditFor{0};  // what of the audit log is older is forgotten; 0: never
    std::function<void(std::shared_ptr<const Routing>)> publish = {};
    // One line about what cannot be read or written just now. The routing stays as it was. Told once, until it works
    // again.
    std::function<void(const std::string&)> onProblem = {};
  };

  // Opens the catalog, makes its first account when it has none, and publishes before it returns.
  static Result<std::unique_ptr<Publisher>> start(Options options);
  // Saves what was used.
  ~Publisher();

  // The account that configured scripts belong to: the oldest.
  const Account& firstAccount() const { return firstAccount_; }

  // Published when it returns.
  void configure(ConfiguredScripts scripts);

  // Runs `task` on the catalog; what it changed is published when it returns. False: too much waits, nothing was done.
  [[nodiscard]] bool run(const std::function<void(Catalog&)>& task);
  // The same, later.
  [[nodiscard]] bool post(std::function<void(Catalog&)> task);

 private:
  explicit Publisher(Options options);
  Status load();
  void tick();
  void refresh();
  void save();
  void trim();
  void report(const Status& status, bool& told);

  const Options options_;
  std::unique_ptr<Catalog> catalog_;  // null: there is none
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<RoutingModel> model_;
  Account firstAccount_;
  uint64_t upTo_ = 0;
  bool stale_ = false;  // changes that could not be read
  base::Instant savedAt_{};
  base::Instant trimmedAt_{};
  bool readProblemTold_ = false;
  bool saveProblemTold_ = false;
  bool trimProblemTold_ = false;
  std::unique_ptr<store::WriterThread> thread_;  // last: it uses the rest
};

}  // namespace weir::catalog
