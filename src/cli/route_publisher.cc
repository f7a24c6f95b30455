#include "cli/route_publisher.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

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
  for (size_t slot = 0; slot < slots.size(); ++slot) {
    const auto at = configured_.find(slots[slot]);
    if (at != configured_.end()) routes->versions[slot] = at->second;
  }
  if (routes_) retired_.push_back(std::move(routes_));
  routes_ = std::move(routes);
  if (open_) options_.publish(routes_);
  options_.sink.catalogPublished(observe::kNoLoop, fact);
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
