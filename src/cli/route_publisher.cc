#include "cli/route_publisher.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "control/version_bundle.h"

namespace weir::cli {

base::Result<std::unique_ptr<RoutePublisher>> RoutePublisher::start(Options options) {
  auto self = std::unique_ptr<RoutePublisher>(new RoutePublisher(std::move(options)));
  catalog::Publisher::Options catalog{self->options_.clock, self->random_, self->options_.catalogPath,
                                      self->options_.workersDomain};
  catalog.auditFor = self->options_.auditFor;
  catalog.publish = [raw = self.get()](std::shared_ptr<const catalog::Routing> routing) {
    raw->onRouting(std::move(routing));
  };
  catalog.onProblem = [](const std::string& problem) { std::fprintf(stderr, "weir: catalog: %s\n", problem.c_str()); };
  auto started = catalog::Publisher::start(std::move(catalog));
  if (!started.ok()) return base::Error{started.error().message};
  self->publisher_ = std::move(started).value();
  return self;
}

RoutePublisher::~RoutePublisher() = default;

void RoutePublisher::onRouting(std::shared_ptr<const catalog::Routing> routing) {
  auto routes = std::make_shared<edge::Routes>();
  routes->workersDomain = options_.workersDomain;
  const auto slots = routing->versionSlots();
  routes->versions.resize(slots.size());
  observe::CatalogPublished fact;
  fact.generation = routing->generation();
  fact.scripts = static_cast<uint32_t>(routing->scriptCount());
  routes->routing = std::move(routing);
  const std::lock_guard lock(mutex_);
  const auto relimited = noteLimits(*routes->routing);
  const auto before = routes_ ? routes_->routing->versionSlots() : std::span<const uint64_t>();
  std::unordered_map<uint64_t, size_t> fresh;  // slots of the catalog's versions that were not there before, by number
  for (size_t slot = 0; slot < slots.size(); ++slot) {
    const uint64_t number = slots[slot];
    if (number == 0) continue;
    const auto at = configured_.find(number);
    if (at != configured_.end()) routes->versions[slot] = at->second;
    else if (slot < before.size() && before[slot] == number && !relimited.contains(number))
      routes->versions[slot] = routes_->versions[slot];
    else if (number % 2 == 0) fresh[number] = slot;
  }
  if (!fresh.empty()) {
    for (const auto& script : routes->routing->scripts()) {
      if (!script) continue;
      for (const auto& version : script->versions) {
        const auto at = fresh.find(version.number);
        if (at == fresh.end()) continue;
        routes->versions[at->second] = makeVersion(routes->routing->account(script->account).id, script->name,
                                                   version.id, version.number, version.hasAssets);
      }
    }
  }
  swap(std::move(routes));
  options_.sink.catalogPublished(observe::kNoLoop, fact);
}

std::unordered_set<uint64_t> RoutePublisher::noteLimits(const catalog::Routing& routing) {
  std::unordered_set<uint64_t> relimited;
  std::unordered_map<std::string, wire::VersionLimits> limits;
  std::unordered_map<uint32_t, bool> changed;  // by index of the account
  for (const auto& script : routing.scripts()) {
    if (!script) continue;
    const auto [at, first] = changed.try_emplace(script->account, false);
    if (first) {
      const auto& account = routing.account(script->account);
      const auto now = control::versionLimits(account.limits, "{}");
      const auto known = limits_.find(account.id);
      at->second = known != limits_.end() && known->second != now;
      limits[account.id] = now;
      if (at->second)
        std::erase_if(previews_, [&](const auto& entry) { return entry.first.starts_with(account.id + "/"); });
    }
    if (!at->second) continue;
    for (const auto& version : script->versions) relimited.insert(version.number);
  }
  limits_ = std::move(limits);
  return relimited;
}

std::shared_ptr<sandbox::RunnableVersion> RoutePublisher::makeVersion(const std::string& account,
                                                                      const std::string& script, const std::string& id,
                                                                      uint64_t stored, bool hasAssets) {
  auto version = std::make_shared<sandbox::RunnableVersion>();
  version->number = {std::exchange(nextNumber_, nextNumber_ + 2)};
  version->account = account;
  version->script = script;
  version->id = id;
  version->stored = stored;
  version->hasAssets = hasAssets;
  options_.place(version);
  return version;
}

void RoutePublisher::swap(std::shared_ptr<const edge::Routes> routes) {
  if (routes_) retired_.push_back(std::move(routes_));
  routes_ = std::move(routes);
  if (open_) options_.publish(routes_);
  schedule();
}

void RoutePublisher::schedule() {
  if (!open_ || !options_.schedule) return;
  std::vector<edge::Schedule> all;
  for (const auto& script : routes_->routing->scripts()) {
    if (!script || script->crons.empty() || script->disabled || script->versions.empty()) continue;
    if (routes_->routing->account(script->account).suspended) continue;
    // Of several versions, the one with most of the requests.
    const catalog::RoutedVersion* most = nullptr;
    uint32_t share = 0;
    uint32_t before = 0;
    for (const auto& version : script->versions) {
      if (version.shareUpTo - before > share) {
        share = version.shareUpTo - before;
        most = &version;
      }
      before = version.shareUpTo;
    }
    const auto& version = most == nullptr ? routes_->runnable(script->versions.front()) : routes_->runnable(*most);
    if (!version) continue;
    for (const auto& text : script->crons) {
      if (auto cron = catalog::Cron::parse(text); cron.ok()) all.push_back({version, text, *cron});
    }
  }
  options_.schedule(std::move(all));
}

std::shared_ptr<const sandbox::RunnableVersion> RoutePublisher::preview(std::string_view account,
                                                                        std::string_view script, uint32_t digits) {
  constexpr size_t kPreviewsMax = 1'024;
  char text[9];
  std::snprintf(text, sizeof text, "%08x", digits);
  const std::string key = std::string(account) + "/" + std::string(script) + "/" + text;
  const std::lock_guard lock(mutex_);
  if (const auto at = previews_.find(key); at != previews_.end()) {
    // One that was not there may have come meanwhile.
    if (!at->second->refusal || !at->second->refusal->missing) return at->second;
    previews_.erase(at);
  }
  if (previews_.size() >= kPreviewsMax) {
    std::erase_if(previews_, [](const auto& entry) { return entry.second.use_count() == 1; });
    if (previews_.size() >= kPreviewsMax) return nullptr;
  }
  const auto version = makeVersion(std::string(account), std::string(script), text, 0, false);
  previews_.emplace(key, version);
  return version;
}

void RoutePublisher::renew(const std::vector<std::shared_ptr<const sandbox::RunnableVersion>>& versions) {
  std::unordered_set<const sandbox::RunnableVersion*> old;
  for (const auto& version : versions) old.insert(version.get());
  if (versions.empty()) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(previews_, [&](const auto& entry) { return old.contains(entry.second.get()); });
  auto routes = std::make_shared<edge::Routes>(*routes_);
  bool changed = false;
  for (auto& version : routes->versions) {
    if (!version || !old.contains(version.get())) continue;
    version = makeVersion(version->account, version->script, version->id, version->stored, version->hasAssets);
    changed = true;
  }
  if (changed) swap(std::move(routes));
}

void RoutePublisher::serve(const std::vector<std::shared_ptr<const sandbox::RunnableVersion>>& versions,
                           const std::optional<std::string>& everyHost) {
  catalog::ConfiguredScripts scripts;
  scripts.everyHost = everyHost;
  std::unordered_map<uint64_t, std::shared_ptr<const sandbox::RunnableVersion>> configured;
  for (const auto& version : versions) {
    scripts.scripts.push_back({version->script, version->number.value, version->id});
    configured[version->number.value] = version;
  }
  {
    // The ones before stay until nothing routes to them: the catalog may publish in between.
    const std::lock_guard lock(mutex_);
    configured_.insert(configured.begin(), configured.end());
  }
  publisher_->configure(std::move(scripts));
  const std::lock_guard lock(mutex_);
  configured_ = std::move(configured);
}

std::shared_ptr<const edge::Routes> RoutePublisher::current() const {
  const std::lock_guard lock(mutex_);
  return routes_;
}

void RoutePublisher::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  options_.publish(routes_);
  schedule();
}

void RoutePublisher::sweep() {
  std::vector<std::shared_ptr<const edge::Routes>> unused;  // destroyed behind the lock
  const std::lock_guard lock(mutex_);
  const auto end =
      std::partition(retired_.begin(), retired_.end(), [](const auto& routes) { return routes.use_count() > 1; });
  unused.assign(std::make_move_iterator(end), std::make_move_iterator(retired_.end()));
  retired_.erase(end, retired_.end());
}

}  // namespace weir::cli
