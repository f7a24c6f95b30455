// VersionTable: which version a number on the wire means, while anything still runs it.
//
// Threads: any; a lock, so not for the path of every request.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "sandbox/runnable_version.h"

namespace weir::sandbox {

class VersionTable {
 public:
  void add(const std::shared_ptr<const RunnableVersion>& version) {
    const std::lock_guard lock(mutex_);
    versions_[version->number.value] = version;
  }

  // Null when nothing routes to it and nothing runs it any more.
  std::shared_ptr<const RunnableVersion> find(wire::VersionId number) const {
    const std::lock_guard lock(mutex_);
    const auto at = versions_.find(number.value);
    return at == versions_.end() ? nullptr : at->second.lock();
  }

  // Those that nobody holds any more since the last call: engines may forget them.
  std::vector<wire::VersionId> takeUnused() {
    std::vector<wire::VersionId> unused;
    const std::lock_guard lock(mutex_);
    std::erase_if(versions_, [&](const auto& entry) {
      if (!entry.second.expired()) return false;
      unused.push_back({entry.first});
      return true;
    });
    return unused;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::weak_ptr<const RunnableVersion>> versions_;
};

}  // namespace weir::sandbox
