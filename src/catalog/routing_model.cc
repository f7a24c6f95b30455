#include "catalog/routing_model.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "catalog/hostname.h"
#include "catalog/zone_routes.h"

namespace weir::catalog {

namespace {

constexpr std::string_view kWorkersDev = "workers.dev";
constexpr uint32_t kLabelsMax = 127;

std::string keyOf(const std::string& account, const std::string& name) { return account + "/" + name; }

uint32_t labelsOf(std::string_view name) {
  return 1 + static_cast<uint32_t>(std::count(name.begin(), name.end(), '.'));
}

template <class T>
uint32_t takeIndex(std::vector<T>& items, std::vector<uint32_t>& free) {
  if (!free.empty()) {
    const uint32_t index = free.back();
    free.pop_back();
    return index;
  }
  items.emplace_back();
  return static_cast<uint32_t>(items.size() - 1);
}

size_t tableSizeFor(size_t entries) { return std::bit_ceil(std::max<size_t>(16, entries * 2 + 1)); }

}  // namespace

RoutingModel::RoutingModel(Options options)
    : options_(std::move(options)),
      // Any point of the field but the few that make hashes short.
      hashPoint_((options_.hashSeed % ((uint64_t{1} << 61) - 513)) + 512) {}

RoutingModel::~RoutingModel() = default;

uint64_t RoutingModel::hashOf(std::string_view name) const {
  uint64_t hash = 0;
  for (size_t i = name.size(); i-- > 0;) hash = Routing::extendHash(hash, name[i], hashPoint_);
  return hash;
}

void RoutingModel::apply(const RoutingRows& rows) {
  if (rows.whole) clearRows();
  std::unordered_map<std::string_view, std::vector<const Route*>> routes;
  for (const auto& route : rows.routes) routes[route.zone].push_back(&route);
  std::set<Change> gone(rows.changes.begin(), rows.changes.end());
  for (const auto& row : rows.accounts) {
    applyAccount(row);
    gone.erase({ChangeKind::kAccount, row.id});
  }
  for (const auto& row : rows.scripts) {
    applyScript(row);
    gone.erase({ChangeKind::kScript, keyOf(row.account, row.name)});
  }
  for (const auto& row : rows.zones) {
    applyZone(row, routes[row.id]);
    gone.erase({ChangeKind::kZone, row.id});
  }
  for (const auto& row : rows.domains) {
    applyDomain(row);
    gone.erase({ChangeKind::kDomain, row.hostname});
  }
  for (const auto& change : gone) {
    switch (change.kind) {
      case ChangeKind::kAccount: dropAccount(change.key); break;
      case ChangeKind::kScript: dropScriptRow(change.key); break;
      case ChangeKind::kZone: dropZone(change.key); break;
      case ChangeKind::kDomain: dropDomain(change.key); break;
    }
  }
}

void RoutingModel::clearRows() {
  const auto keysOf = [](const auto& map) {
    std::vector<std::string> keys;
    keys.reserve(map.size());
    for (const auto& [key, value] : map) keys.push_back(key);
    return keys;
  };
  for (const auto& key : keysOf(zones_)) dropZone(key);
  for (const auto& key : keysOf(domains_)) dropDomain(key);
  for (const auto& key : keysOf(scripts_)) dropScriptRow(key);
  for (const auto& key : keysOf(accountIndexes_)) dropAccount(key);
  unreadable_ = 0;
}

// Accounts keep their index for ever: there are few of them, and scripts and zones name them by it.
uint32_t RoutingModel::accountIndex(const std::string& id) {
  const auto at = accountIndexes_.find(id);
  if (at != accountIndexes_.end()) return at->second;
  const auto index = takeIndex(accounts_, freeAccounts_);
  accountIndexes_.emplace(id, index);
  auto& meter = meters_[id];
  if (!meter) meter = options_.meterOf ? options_.meterOf(id) : std::make_shared<AccountMeter>();
  auto account = std::make_shared<RoutedAccount>();
  account->id = id;
  account->name = id;
  account->limits = presetOf(Plan::kPaid);
  account->meter = meter;
  if (id == configured_.account) account->subdomain = options_.soleAccountSubdomain;
  accounts_[index] = std::move(account);
  return index;
}

void RoutingModel::applyAccount(const Account& row) {
  const uint32_t index = accountIndex(row.id);
  auto account = std::make_shared<RoutedAccount>();
  account->id = row.id;
  account->name = row.name;
  account->subdomain = row.subdomain;
  account->suspended = row.suspended;
  account->limits = row.limits();
  account->meter = meters_[row.id];
  accounts_[index] = std::move(account);
}

void RoutingModel::dropAccount(const std::string& id) {
  const auto at = accountIndexes_.find(id);
  if (at == accountIndexes_.end()) return;
  const bool used =
      id == configured_.account ||
      std::any_of(scripts_.begin(), scripts_.end(), [&](const auto& entry) { return entry.second.account == id; }) ||
      std::any_of(zones_.begin(), zones_.end(), [&](const auto& entry) { return entry.second.row.account == id; });
  if (used) {
    auto account = std::make_shared<RoutedAccount>(*accounts_[at->second]);
    account->subdomain.reset();
    if (id == configured_.account) account->subdomain = options_.soleAccountSubdomain;
    accounts_[at->second] = std::move(account);
    return;
  }
  accounts_[at->second] = nullptr;
  freeAccounts_.push_back(at->second);
  meters_.erase(id);
  accountIndexes_.erase(at);
}

uint32_t RoutingModel::refer(const std::string& account, const std::string& name) {
  const auto [at, fresh] = scripts_.try_emplace(keyOf(account, name));
  ScriptState& state = at->second;
  if (fresh) {
    state.index = takeIndex(routedScripts_, freeScripts_);
    if (workersDev_.size() < routedScripts_.size()) workersDev_.resize(routedScripts_.size());
    workersDev_[state.index] = false;
    state.account = account;
    state.name = name;
  }
  ++state.references;
  return state.index;
}

void RoutingModel::release(const std::string& key) {
  const auto at = scripts_.find(key);
  CHECK(at != scripts_.end());
  CHECK(at->second.references > 0);
  if (--at->second.references > 0) return;
  routedScripts_[at->second.index] = nullptr;
  freeScripts_.push_back(at->second.index);
  scripts_.erase(at);
}

uint32_t RoutingModel::takeVersionSlot(uint64_t number) {
  const auto [at, fresh] = versions_.try_emplace(number);
  if (fresh) {
    at->second.slot = takeIndex(versionSlots_, freeVersionSlots_);
    versionSlots_[at->second.slot] = number;
  }
  ++at->second.users;
  return at->second.slot;
}

void RoutingModel::refreshScript(ScriptState& state) {
  const auto before = std::exchange(state.versions, {});
  if (!state.row && !state.configured) {
    routedScripts_[state.index] = nullptr;
    workersDev_[state.index] = false;
  } else {
    auto script = std::make_shared<RoutedScript>();
    script->name = state.name;
    script->account = accountIndex(state.account);
    script->disabled = state.row && state.row->disabled;
    if (!state.configured) {
      script->workersDev = state.row->workersDev;
      script->previews = state.row->previews;
      script->crons = state.row->crons;
      script->aliases = state.row->aliases;
    }
    uint32_t upTo = 0;
    const auto add = [&](uint64_t number, const std::string& id, uint32_t share, bool hasAssets) {
      upTo += share;
      script->versions.push_back({number, id, takeVersionSlot(number), upTo, hasAssets});
      state.versions.push_back(number);
    };
    if (state.configured) {
      add(state.configured->number, state.configured->versionId, kWholeShare, false);
    } else {
      for (const auto& version : state.row->versions)
        add(routedNumber(version.number), version.id, version.share, version.hasAssets);
    }
    workersDev_[state.index] = state.configured || state.row->workersDev || state.row->previews;
    routedScripts_[state.index] = std::move(script);
  }
  for (const uint64_t number : before) {
    const auto at = versions_.find(number);
    if (--at->second.users > 0) continue;
    versionSlots_[at->second.slot] = 0;
    freeVersionSlots_.push_back(at->second.slot);
    versions_.erase(at);
  }
}

void RoutingModel::applyScript(const ScriptRow& row) {
  const std::string key = keyOf(row.account, row.name);
  const auto at = scripts_.find(key);
  if (at == scripts_.end() || !at->second.row) (void)refer(row.account, row.name);
  ScriptState& state = scripts_.at(key);
  state.row = row;
  refreshScript(state);
}

void RoutingModel::dropScriptRow(const std::string& key) {
  const auto at = scripts_.find(key);
  if (at == scripts_.end() || !at->second.row) return;
  at->second.row.reset();
  refreshScript(at->second);
  release(key);
}

void RoutingModel::configure(ConfiguredScripts scripts) {
  const ConfiguredScripts before = std::exchange(configured_, std::move(scripts));
  for (const auto& script : before.scripts) {
    const std::string key = keyOf(before.account, script.name);
    ScriptState& state = scripts_.at(key);
    state.configured.reset();
    refreshScript(state);
    release(key);
  }
  for (const auto& script : configured_.scripts) {
    (void)refer(configured_.account, script.name);
    ScriptState& state = scripts_.at(keyOf(configured_.account, script.name));
    state.configured = script;
    refreshScript(state);
  }
}

void RoutingModel::applyZone(const Zone& row, const std::vector<const Route*>& routes) {
  ZoneState& state = zones_[row.id];
  const bool fresh = state.row.id.empty();
  if (fresh) state.index = takeIndex(routedZones_, freeZones_);
  const auto before = std::exchange(state.scripts, {});
  state.row = row;
  std::vector<CompiledRoute> compiled;
  compiled.reserve(routes.size());
  std::set<std::string> seen;
  for (const auto* route : routes) {
    auto pattern = parseRoutePattern(route->pattern, row.name);
    if (!pattern.ok() || !seen.insert(formatRoutePattern(*pattern)).second) {
      ++unreadable_;
      continue;
    }
    RouteAction action;
    action.failOpen = route->failOpen;
    if (route->script) {
      action.script = refer(row.account, *route->script);
      state.scripts.push_back(keyOf(row.account, *route->script));
    }
    compiled.push_back({std::move(pattern).value(), action});
  }
  auto zone = std::make_shared<RoutedZone>();
  zone->id = row.id;
  zone->name = row.name;
  zone->account = accountIndex(row.account);
  zone->origin = row.origin;
  zone->routes = std::make_shared<const ZoneRoutes>(row.name, std::move(compiled),
                                                    [this](std::string_view name) { return hashOf(name); });
  routedZones_[state.index] = std::move(zone);
  for (const auto& key : before) release(key);
}

void RoutingModel::dropZone(const std::string& id) {
  const auto at = zones_.find(id);
  if (at == zones_.end()) return;
  const auto scripts = std::move(at->second.scripts);
  routedZones_[at->second.index] = nullptr;
  freeZones_.push_back(at->second.index);
  zones_.erase(at);
  for (const auto& key : scripts) release(key);
}

void RoutingModel::applyDomain(const CustomDomain& row) {
  dropDomain(row.hostname);
  if (!row.enabled) return;
  (void)refer(row.account, row.script);
  domains_[row.hostname] = {std::make_shared<const std::string>(row.hostname), hashOf(row.hostname),
                            keyOf(row.account, row.script)};
}

void RoutingModel::dropDomain(const std::string& hostname) {
  const auto at = domains_.find(hostname);
  if (at == domains_.end()) return;
  const std::string key = at->second.script;
  domains_.erase(at);
  release(key);
}

std::shared_ptr<const Routing> RoutingModel::build() {
  auto routing = std::shared_ptr<Routing>(new Routing());
  routing->generation_ = ++generation_;
  routing->hashPoint_ = hashPoint_;
  routing->accounts_ = accounts_;
  routing->scripts_ = routedScripts_;
  routing->zones_ = routedZones_;
  routing->versionSlots_ = versionSlots_;

  size_t names = domains_.size() + 2;
  for (const auto& zone : routedZones_) {
    if (zone) names += 1 + zone->routes->hosts().size() + zone->routes->suffixes().size();
  }
  routing->table_.resize(tableSizeFor(names));
  routing->nodes_.reserve(names);
  const auto nodeOf = [&](uint64_t hash, std::string_view name) -> Routing::Node& {
    auto& table = routing->table_;
    for (size_t at = Routing::slotOf(hash, table.size());; at = (at + 1) & (table.size() - 1)) {
      if (table[at].node == Routing::kNone) {
        table[at] = {hash, static_cast<uint32_t>(routing->nodes_.size())};
        routing->labelsMax_ = std::min(kLabelsMax, std::max(routing->labelsMax_, labelsOf(name)));
        return routing->nodes_.emplace_back(Routing::Node{name.data(), static_cast<uint8_t>(name.size())});
      }
      auto& node = routing->nodes_[table[at].node];
      if (table[at].hash == hash && std::string_view(node.name, node.size) == name) return node;
    }
  };
  for (const std::string_view domain : {kWorkersDev, std::string_view(options_.workersDomain)}) {
    const auto& kept = routing->names_.emplace_back(std::make_shared<const std::string>(domain));
    nodeOf(hashOf(*kept), *kept).platform = true;
  }
  for (uint32_t index = 0; index < routedZones_.size(); ++index) {
    if (!routedZones_[index]) continue;
    const auto& zone = *routedZones_[index];
    ++routing->zoneCount_;
    // It would take the names of an account's scripts from it.
    if (isInZone(zone.name, kWorkersDev) || isInZone(zone.name, options_.workersDomain)) continue;
    nodeOf(hashOf(zone.name), zone.name).zone = index;
  }
  // After all zones, so that routes of a zone inside another find their own.
  for (uint32_t index = 0; index < routedZones_.size(); ++index) {
    if (!routedZones_[index]) continue;
    const auto& zone = *routedZones_[index];
    const auto& routes = *zone.routes;
    // A name that another zone further in owns is not this zone's to route.
    const auto isOurs = [&](std::string_view name) {
      for (std::string_view rest = name; rest.size() > zone.name.size(); rest.remove_prefix(rest.find('.') + 1)) {
        const auto* node = routing->findNode(hashOf(rest), rest);
        if (node != nullptr && node->zone != Routing::kNone) return false;
      }
      return true;
    };
    for (uint32_t i = 0; i < routes.hosts().size(); ++i) {
      const auto& host = routes.hosts()[i];
      const auto name = routes.text(host.nameAt, host.nameSize);
      if (!isOurs(name)) continue;
      auto& node = nodeOf(host.hash, name);
      node.routesZone = index;
      node.hosts = i;
    }
    for (uint32_t i = 0; i < routes.suffixes().size(); ++i) {
      const auto& suffix = routes.suffixes()[i];
      const auto name = routes.text(suffix.nameAt, suffix.nameSize);
      if (!isOurs(name)) continue;
      auto& node = nodeOf(suffix.hash, name);
      node.routesZone = index;
      node.suffix = i;
    }
  }
  for (const auto& [hostname, domain] : domains_) {
    routing->names_.push_back(domain.name);
    nodeOf(domain.hash, *domain.name).domainScript = scripts_.at(domain.script).index;
  }

  for (const auto& script : routedScripts_) routing->scriptCount_ += script != nullptr;
  routing->workers_.resize(tableSizeFor(routing->scriptCount_));
  routing->byName_.resize(tableSizeFor(routing->scriptCount_));
  const auto insert = [](std::vector<Routing::Slot>& table, uint64_t hash, uint32_t index) {
    size_t at = Routing::slotOf(hash, table.size());
    while (table[at].node != Routing::kNone) at = (at + 1) & (table.size() - 1);
    table[at] = {hash, index};
  };
  std::string key;
  for (uint32_t index = 0; index < routedScripts_.size(); ++index) {
    if (!routedScripts_[index]) continue;
    const auto& script = *routedScripts_[index];
    const auto& account = *accounts_[script.account];
    key.assign(account.id).append("/").append(script.name);
    insert(routing->byName_, hashOf(key), index);
    if (!workersDev_[index] || !account.subdomain) continue;
    key.assign(script.name).append(".").append(*account.subdomain);
    insert(routing->workers_, hashOf(key), index);
  }
  if (configured_.everyHost)
    routing->everyHost_ = scripts_.at(keyOf(configured_.account, *configured_.everyHost)).index;
  return routing;
}

}  // namespace weir::catalog
