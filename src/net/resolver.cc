#include "net/resolver.h"
#include "base/this_thread.h"

#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

namespace weir::net {
namespace {

constexpr size_t kHostBytesMax = 253;

base::Result<Addresses> lookUp(const std::string& host, uint32_t addressesMax) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  int code = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code == EAI_NONAME || code == EAI_ADDRFAMILY || code == EAI_BADFLAGS) {
    // A machine with nothing but loopback has no "configured" family; ask again without that condition.
    hints.ai_flags = 0;
    code = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  }
  if (code != 0) return base::Error{"cannot resolve '" + host + "': " + gai_strerror(code)};
  Addresses addresses;
  for (const addrinfo* each = found; each && addresses.size() < addressesMax; each = each->ai_next) {
    if (const auto address = Address::fromSockaddr(each->ai_addr, each->ai_addrlen)) addresses.push_back(*address);
  }
  freeaddrinfo(found);
  if (addresses.empty()) return base::Error{"cannot resolve '" + host + "': no addresses"};
  return addresses;
}

}  // namespace

struct Resolver::Core {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::string> queue;
  Resolver* owner;  // null once the resolver is gone; under `mutex`
  Loop* loop;
  uint32_t addressesMax;
};

Resolver::Resolver(Loop& loop, const ResolverLimits& limits)
    : loop_(loop), limits_(limits), core_(std::make_shared<Core>()) {
  core_->owner = this;
  core_->loop = &loop;
  core_->addressesMax = limits.addressesPerNameMax;
  for (uint32_t i = 0; i < limits.threads; ++i) {
    std::thread([core = core_] {
      base::nameThisThread("resolver");
      std::unique_lock lock(core->mutex);
      while (true) {
        core->wake.wait(lock, [&] { return !core->owner || !core->queue.empty(); });
        if (!core->owner) return;
        const std::string host = std::move(core->queue.front());
        core->queue.pop_front();
        lock.unlock();
        auto result = lookUp(host, core->addressesMax);
        lock.lock();
        // Posted under the lock: the loop is there as long as the owner is.
        if (!core->owner) return;
        core->loop->post([core, host, result = std::move(result)] {
          Resolver* owner;
          {
            const std::lock_guard guard(core->mutex);
            owner = core->owner;
          }
          if (owner) owner->finish(host, result);
        });
      }
    }).detach();
  }
}

Resolver::~Resolver() {
  const std::lock_guard lock(core_->mutex);
  core_->owner = nullptr;
  core_->wake.notify_all();
}

std::optional<Addresses> Resolver::find(const std::string& host) {
  if (const auto literal = Address::fromIp(host, 0)) return Addresses{*literal};
  // RFC 6761 §6.3: every name under localhost is loopback, whatever the system's resolver thinks of it.
  if (host.ends_with(".localhost")) return Addresses{*Address::fromIp("127.0.0.1", 0)};
  const auto cached = cache_.find(host);
  if (cached == cache_.end() || cached->second.expires <= loop_.now() || !cached->second.result.ok())
    return std::nullopt;
  return *cached->second.result;
}

std::shared_ptr<Resolver::Query> Resolver::resolve(const std::string& host, Callback callback) {
  auto query = std::make_shared<Query>(std::move(callback));
  const auto answer = [&](base::Result<Addresses> result) {
    loop_.post([asked = std::weak_ptr<Query>(query), result = std::move(result)] {
      if (const auto alive = asked.lock()) alive->callback_(result);
    });
  };
  if (const auto known = find(host)) {
    answer(*known);
    return query;
  }
  if (host.empty() || host.size() > kHostBytesMax || host.find('\0') != std::string::npos) {
    answer(base::Error{"'" + host.substr(0, kHostBytesMax) + "' is not a host name"});
    return query;
  }
  if (host.ends_with(".invalid")) {  // RFC 6761 §6.4: nobody need be asked
    answer(base::Error{"'" + host + "' has no address"});
    return query;
  }
  if (const auto cached = cache_.find(host); cached != cache_.end() && cached->second.expires > loop_.now()) {
    answer(cached->second.result);
    return query;
  }
  auto& waiting = waiting_[host];
  waiting.push_back(query);
  if (waiting.size() > 1) {
    std::erase_if(waiting, [](const std::weak_ptr<Query>& each) { return each.expired(); });
    return query;
  }
  bool queued = false;
  {
    const std::lock_guard lock(core_->mutex);
    if (core_->queue.size() < limits_.queuedMax) {
      core_->queue.push_back(host);
      queued = true;
    }
  }
  if (!queued) {
    waiting_.erase(host);
    answer(base::Error{"cannot resolve '" + host + "': too many names are being resolved"});
    return query;
  }
  core_->wake.notify_one();
  return query;
}

void Resolver::finish(const std::string& host, const base::Result<Addresses>& result) {
  remember(host, result);
  const auto found = waiting_.find(host);
  if (found == waiting_.end()) return;
  const auto queries = std::move(found->second);
  waiting_.erase(found);
  // A callback may drop this resolver; nothing of it is touched from here on.
  for (const auto& asked : queries) {
    if (const auto alive = asked.lock()) alive->callback_(result);
  }
}

void Resolver::remember(const std::string& host, const base::Result<Addresses>& result) {
  if (const auto old = cache_.find(host); old != cache_.end()) {
    ages_.erase(old->second.age);
    cache_.erase(old);
  }
  if (limits_.cacheEntriesMax == 0) return;
  if (cache_.size() >= limits_.cacheEntriesMax) {
    cache_.erase(ages_.front());
    ages_.pop_front();
  }
  ages_.push_back(host);
  const auto ttl = result.ok() ? limits_.cacheTtl : limits_.failureTtl;
  cache_.emplace(host, Cached{result, loop_.now() + ttl, std::prev(ages_.end())});
}

}  // namespace weir::net
