// UploadChecks: uploads wait here for their check in a throwaway engine (sandbox/check_queue.h); what it finds out is
// kept, so that the same code is not run a second time.
//
// Threads: any. No engine is started before the first check.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <variant>

#include "control/version_bundle.h"
#include "sandbox/check_queue.h"
#include "sandbox/version_store.h"

namespace weir::control {

class UploadChecks {
 public:
  struct Options {
    sandbox::CheckQueue::Options queue;
    sandbox::VersionStore& store;  // borrowed
    bool keepHeaps = true;
  };
  explicit UploadChecks(Options options);

  using Verdict = std::variant<sandbox::VersionRecord, sandbox::StartRefusal>;
  // Waits. The error: no verdict was reached.
  base::Result<Verdict> check(const CheckBundle& bundle, const std::string& script);
  // What an earlier check found out.
  std::optional<sandbox::VersionRecord> find(const std::string& key) { return options_.store.find(key); }

  // Checks a version that serves from its source meanwhile, at some later time, and gives it its image.
  void renew(CheckBundle bundle, std::shared_ptr<const sandbox::RunnableVersion> version);

  // Whoever waits gets an error, now and from now on.
  void stop();

 private:
  // The error: it is stopping, or too much waits.
  base::Status submit(sandbox::CheckQueue::Job job);
  sandbox::CheckQueue::Job jobFor(const CheckBundle& bundle) const;
  void sweepIfDue();

  Options options_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::shared_ptr<sandbox::CheckQueue> queue_;
};

}  // namespace weir::control
