// Routes: what a loop routes requests by: the catalog's snapshot, and what runs for each version it names.
//
// A value, immutable once shared. Threads: any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/routing.h"
#include "sandbox/runnable_version.h"

namespace weir::edge {

struct Routes {
  std::shared_ptr<const catalog::Routing> routing;                        // never null
  std::vector<std::shared_ptr<const sandbox::RunnableVersion>> versions;  // by catalog::RoutedVersion::slot
  std::string workersDomain = "workers.localhost";

  // Null: it cannot be run here just now.
  const std::shared_ptr<const sandbox::RunnableVersion>& runnable(const catalog::RoutedVersion& version) const {
    static const std::shared_ptr<const sandbox::RunnableVersion> kNone;
    return version.slot < versions.size() ? versions[version.slot] : kNone;
  }

  // What runs for a script of an account, for whoever calls it by name; `request` as for admission. Null: nothing does.
  std::shared_ptr<const sandbox::RunnableVersion> findScript(std::string_view account, std::string_view name,
                                                             std::string_view request) const {
    const catalog::RoutedScript* const script = routing->findScript(account, name);
    if (script == nullptr || script->disabled || script->versions.empty()) return nullptr;
    return runnable(*script->pick(std::hash<std::string_view>()(request)));
  }
};

}  // namespace weir::edge
