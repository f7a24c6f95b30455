// Host names to addresses, through the system's resolver (getaddrinfo) on a few threads of its own, with a short cache.
//
// Threads: the interface belongs to the loop's thread. Lookups cannot be interrupted; dropping a query only means that
// nobody hears of its result, which still reaches the cache.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/address.h"
#include "net/loop.h"

namespace weir::net {

struct ResolverLimits {
  uint32_t threads = 2;
  uint32_t queuedMax = 1024;  // names waiting for a thread; more are refused at once
  uint32_t cacheEntriesMax = 4096;
  uint32_t addressesPerNameMax = 16;
  std::chrono::milliseconds cacheTtl{30'000};
  std::chrono::milliseconds failureTtl{1'000};
};

// Addresses in the order to try, with port 0; never empty.
using Addresses = std::vector<Address>;

class Resolver {
 public:
  using Callback = std::function<void(const base::Result<Addresses>&)>;

  // One question; dropping it cancels the callback. May be dropped from within the callback, and outlive the resolver.
  class Query {
   public:
    explicit Query(Callback callback) : callback_(std::move(callback)) {}

   private:
    friend class Resolver;
    Callback callback_;
  };

  explicit Resolver(Loop& loop, const ResolverLimits& limits = {});
  ~Resolver();

  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // What is known without asking: IP literals and names in the cache. Nullopt otherwise.
  std::optional<Addresses> find(const std::string& host);

  // Calls back from the loop, never from within this call. Questions for the same name share one lookup. The error is
  // the system's words for why the name has no address, or that too many names are waiting.
  [[nodiscard]] std::shared_ptr<Query> resolve(const std::string& host, Callback callback);

 private:
  struct Core;
  struct Cached {
    base::Result<Addresses> result;
    base::Instant expires;
    std::list<std::string>::iterator age;
  };

  void finish(const std::string& host, const base::Result<Addresses>& result);
  void remember(const std::string& host, const base::Result<Addresses>& result);

  Loop& loop_;
  ResolverLimits limits_;
  std::shared_ptr<Core> core_;  // shared with the lookup threads, which may outlive the resolver
  std::unordered_map<std::string, std::vector<std::weak_ptr<Query>>> waiting_;
  std::unordered_map<std::string, Cached> cache_;
  std::list<std::string> ages_;  // oldest first
};

}  // namespace weir::net
