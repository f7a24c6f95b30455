// Routes: which version answers for a host name.
//
// A value, immutable once shared. Threads: any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sandbox/runnable_version.h"

namespace weir::edge {

// What a request is routed by: an immutable snapshot, swapped whole. All names in lower case.
struct Routes {
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  // By the script's name, which is one label of a host name.
  std::unordered_map<std::string, std::shared_ptr<const sandbox::RunnableVersion>, Hash, std::equal_to<>> byScript;
  std::string subdomain = "local";
  std::string workersDomain = "workers.localhost";
  std::shared_ptr<const sandbox::RunnableVersion> everyHost;  // `weir dev`: the one script; null otherwise

  // The version of a script, or null.
  std::shared_ptr<const sandbox::RunnableVersion> findScript(std::string_view name) const {
    const auto at = byScript.find(name);
    return at == byScript.end() ? nullptr : at->second;
  }
  // The version that answers for a Host header (`script.subdomain.workersDomain`, or under workers.dev; any case, with or
  // without port and the root's dot), or null. Any bytes. Allocates nothing.
  std::shared_ptr<const sandbox::RunnableVersion> find(std::string_view authority) const;
};

}  // namespace weir::edge
