#include "catalog/routing.h"

#include <algorithm>

#include "base/hex.h"
#include "catalog/hostname.h"
#include "catalog/route_target.h"
#include "catalog/zone_routes.h"

namespace weir::catalog {

namespace {

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
constexpr size_t kTargetBytesMax = 16 * 1024;

}  // namespace

// A host as it was sent, in lower case, with the hash of each of its suffixes that could be in the table.
struct Lookup {
  static constexpr size_t kLabelsMax = 128;

  enum class Kind { kName, kIpAddress, kBad };

  Kind parse(std::string_view authority, uint32_t labelsWanted, uint64_t point);

  // The suffix of `labels` labels.
  std::string_view suffix(uint32_t count) const { return {text.data() + starts[count], size - starts[count]}; }
  // The label before that suffix; there is one.
  std::string_view labelBefore(uint32_t count) const {
    const size_t end = starts[count] - 1;
    return std::string_view(text.data() + starts[count + 1], end - starts[count + 1]);
  }

  std::array<char, kHostnameBytesMax + 1> text;
  size_t size = 0;
  uint32_t labels = 0;                         // of the whole host
  uint32_t hashed = 0;                         // suffixes 1..hashed have a hash
  std::array<uint8_t, kLabelsMax + 1> starts;  // by number of labels
  std::array<uint64_t, kLabelsMax + 1> hashes;
};

size_t Routing::slotOf(uint64_t hash, size_t tableSize) {
  return static_cast<size_t>((hash * 0x9e3779b97f4a7c15ULL) >> 20) & (tableSize - 1);
}

uint64_t Routing::extendHash(uint64_t hash, char c, uint64_t point) {
  const unsigned __int128 product = static_cast<unsigned __int128>(hash) * point + static_cast<uint8_t>(c) + 1;
  const uint64_t folded = static_cast<uint64_t>(product & kPrime) + static_cast<uint64_t>(product >> 61);
  return folded >= kPrime ? folded - kPrime : folded;
}

Lookup::Kind Lookup::parse(std::string_view authority, uint32_t labelsWanted, uint64_t point) {
  if (authority.starts_with('[')) return Kind::kIpAddress;
  std::string_view host = authority.substr(0, authority.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kHostnameBytesMax) return Kind::kBad;
  size = host.size();
  uint64_t hash = 0;
  bool lastLabelIsNumber = true;
  size_t labelEnd = size;
  for (size_t i = size; i-- > 0;) {
    char c = host[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    if (c == '.') {
      if (i + 1 == labelEnd) return Kind::kBad;  // an empty label
      ++labels;
      if (labels <= labelsWanted) {
        starts[labels] = static_cast<uint8_t>(i + 1);
        hashes[labels] = hash;
        hashed = labels;
      } else if (labels == labelsWanted + 1) {
        starts[labels] = static_cast<uint8_t>(i + 1);
      }
      labelEnd = i;
    } else if ((c < '0' || c > '9') && c != '-' && (c < 'a' || c > 'z') && c != '_') {
      return Kind::kBad;
    } else if (labels == 0 && (c < '0' || c > '9')) {
      lastLabelIsNumber = false;
    }
    text[i] = c;
    if (labels <= labelsWanted) hash = Routing::extendHash(hash, c, point);
  }
  if (labelEnd == 0) return Kind::kBad;
  ++labels;
  if (labels <= labelsWanted + 1) starts[labels] = 0;
  if (labels <= labelsWanted) {
    hashes[labels] = hash;
    hashed = labels;
  }
  return lastLabelIsNumber ? Kind::kIpAddress : Kind::kName;
}

const RoutedVersion* RoutedScript::pick(uint64_t key) const {
  if (versions.size() == 1) return &versions.front();
  if (versions.empty()) return nullptr;
  // The high bits, mixed: keys need not be random.
  const auto share = static_cast<uint32_t>(
      (static_cast<unsigned __int128>(key * 0x9e3779b97f4a7c15ULL) * versions.back().shareUpTo) >> 64);
  for (const auto& version : versions) {
    if (share < version.shareUpTo) return &version;
  }
  return &versions.back();
}

const Routing::Node* Routing::findNode(uint64_t hash, std::string_view name) const {
  for (size_t at = slotOf(hash, table_.size());; at = (at + 1) & (table_.size() - 1)) {
    const Slot& slot = table_[at];
    if (slot.node == kNone) return nullptr;
    if (slot.hash != hash) continue;
    const Node& node = nodes_[slot.node];
    if (std::string_view(node.name, node.size) == name) return &node;
  }
}

Match Routing::toScript(uint32_t script) const {
  Match match;
  match.script = scripts_[script].get();
  match.kind = match.script == nullptr ? Match::Kind::kUndeployed : Match::Kind::kScript;
  if (match.script != nullptr) {
    match.account = accounts_[match.script->account].get();
    if (match.script->versions.empty()) match.kind = Match::Kind::kUndeployed;
  }
  return match;
}

Match Routing::find(std::string_view authority, Scheme scheme, std::string_view target) const {
  if (everyHost_ != kNone) return toScript(everyHost_);
  if (isNormalTarget(target)) return match(authority, scheme, target, true);
  return findUnusual(authority, scheme, target);
}

// Apart, so that ordinary lookups do not pay for the room on the stack.
[[gnu::noinline]] Match Routing::findUnusual(std::string_view authority, Scheme scheme, std::string_view target) const {
  std::array<char, kTargetBytesMax + 1> room;
  if (target == "*" || target.empty()) target = "/";
  if (target.size() >= room.size())
    return match(authority, scheme, target, true);  // the server has refused it long before
  return match(authority, scheme, normalizeTarget(target, room), true);
}

Match Routing::findBehindRoutes(std::string_view authority) const {
  if (everyHost_ != kNone) return toScript(everyHost_);
  return match(authority, Scheme::kHttp, "/", false);
}

Match Routing::match(std::string_view authority, Scheme scheme, std::string_view target, bool routes) const {
  Lookup host;
  Match match;
  if (authority.empty()) return match;  // HTTP/1.0 may leave it out
  switch (host.parse(authority, labelsMax_, hashPoint_)) {
    case Lookup::Kind::kBad: match.kind = Match::Kind::kBadHost; return match;
    case Lookup::Kind::kIpAddress: match.kind = Match::Kind::kIpAddress; return match;
    case Lookup::Kind::kName: break;
  }
  // From the longest suffix down to the zone.
  std::array<const Node*, Lookup::kLabelsMax + 1> nodes;
  const RoutedZone* zone = nullptr;
  uint32_t zoneIndex = kNone;
  const Node* whole = nullptr;
  uint32_t depth = host.hashed;
  for (; depth > 0; --depth) {
    nodes[depth] = findNode(host.hashes[depth], host.suffix(depth));
    if (depth == host.labels) whole = nodes[depth];
    if (nodes[depth] == nullptr) continue;
    if (nodes[depth]->platform) return findWorker(host, depth);
    if (nodes[depth]->zone != kNone) {
      zoneIndex = nodes[depth]->zone;
      zone = zones_[zoneIndex].get();
      break;
    }
  }
  const uint32_t domain = whole == nullptr ? kNone : whole->domainScript;
  if (zone == nullptr) {
    if (domain != kNone) return toScript(domain);
    return match;
  }
  const RouteAction* action = nullptr;
  if (routes && !zone->routes->empty()) {
    if (whole != nullptr && whole->hosts != kNone && whole->routesZone == zoneIndex) {
      action = zone->routes->findInHost(whole->hosts, scheme, target);
    }
    for (uint32_t at = std::min(host.hashed, host.labels - 1); action == nullptr && at >= depth; --at) {
      if (nodes[at] == nullptr || nodes[at]->suffix == kNone || nodes[at]->routesZone != zoneIndex) continue;
      action = zone->routes->findBelow(nodes[at]->suffix, host.labelBefore(at), scheme, target);
    }
    if (action == nullptr) action = zone->routes->findAnywhere(scheme, target);
  }
  if (action != nullptr && action->script != RouteAction::kOrigin) {
    match = toScript(action->script);
    match.isRoute = true;
    match.failOpen = action->failOpen;
    if (domain != kNone) match.behind = scripts_[domain].get();
  } else if (domain != kNone) {
    match = toScript(domain);
  } else {
    match.kind = Match::Kind::kOrigin;
  }
  match.zone = zone;
  if (match.account == nullptr) match.account = accounts_[zone->account].get();
  return match;
}

// NAME.SUBDOMAIN before the platform's suffix of `depth` labels.
Match Routing::findWorker(const Lookup& host, uint32_t depth) const {
  Match match;
  match.kind = Match::Kind::kNoScript;
  match.isWorkersDomain = true;
  if (host.labels != depth + 2) return match;
  const std::string_view key(host.text.data(), static_cast<size_t>(host.starts[depth]) - 1);
  if (const uint32_t* script = findWorkerScript(key); script != nullptr && scripts_[*script]->workersDev) {
    match = toScript(*script);
    match.isWorkersDomain = true;
    return match;
  }
  // A preview: an alias or digits before a dash. Both may hold dashes, as a script's name may.
  const std::string_view label = key.substr(0, key.find('.'));
  for (size_t dash = label.find('-'); dash != std::string_view::npos; dash = label.find('-', dash + 1)) {
    const uint32_t* const script = findWorkerScript(key.substr(dash + 1));
    if (script == nullptr || !scripts_[*script]->previews) continue;
    const auto digits = scripts_[*script]->previewOf(label.substr(0, dash));
    if (!digits) continue;
    match = toScript(*script);
    match.kind = Match::Kind::kScript;  // whether anything is deployed does not matter
    match.isWorkersDomain = true;
    match.preview = *digits;
    return match;
  }
  return match;
}

std::optional<uint32_t> RoutedScript::previewOf(std::string_view name) const {
  const auto at = std::find_if(aliases.begin(), aliases.end(), [&](const auto& alias) { return alias.name == name; });
  if (at != aliases.end()) return at->digits;
  return name.size() == kPreviewDigits ? readPreviewDigits(name) : std::nullopt;
}

const uint32_t* Routing::findWorkerScript(std::string_view key) const {
  uint64_t hash = 0;
  for (size_t i = key.size(); i-- > 0;) hash = extendHash(hash, key[i], hashPoint_);
  for (size_t at = slotOf(hash, workers_.size());; at = (at + 1) & (workers_.size() - 1)) {
    const Slot& slot = workers_[at];
    if (slot.node == kNone) return nullptr;
    if (slot.hash != hash) continue;
    const RoutedScript& script = *scripts_[slot.node];
    const std::string& subdomain = *accounts_[script.account]->subdomain;
    if (key.size() == script.name.size() + 1 + subdomain.size() && key.starts_with(script.name) &&
        key.ends_with(subdomain)) {
      return &slot.node;
    }
  }
}

const RoutedScript* Routing::findScript(std::string_view accountId, std::string_view name) const {
  uint64_t hash = 0;
  for (size_t i = name.size(); i-- > 0;) hash = extendHash(hash, name[i], hashPoint_);
  hash = extendHash(hash, '/', hashPoint_);
  for (size_t i = accountId.size(); i-- > 0;) hash = extendHash(hash, accountId[i], hashPoint_);
  for (size_t at = slotOf(hash, byName_.size());; at = (at + 1) & (byName_.size() - 1)) {
    const Slot& slot = byName_[at];
    if (slot.node == kNone) return nullptr;
    const RoutedScript& script = *scripts_[slot.node];
    if (slot.hash == hash && script.name == name && accounts_[script.account]->id == accountId) return &script;
  }
}

}  // namespace weir::catalog
