// Routing: which script, origin or page answers a request. An immutable snapshot of what the catalog says; a change
// makes another snapshot, which shares what did not change.
//
// A lookup hashes the host's suffixes once from the end, probes one table from the longest suffix down to the zone, and
// searches the sorted paths of the hosts it finds. It allocates nothing and calls nothing; its work is bounded by the
// deepest name in the table and the number of a zone's routes, whatever the client sends.
//
// Threads: any, concurrently. Made by RoutingModel.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/meter.h"
#include "catalog/origin.h"
#include "catalog/routing_rows.h"
#include "catalog/plan.h"
#include "catalog/route_pattern.h"

namespace weir::catalog {

struct RoutedAccount {
  std::string id;
  std::string name;
  std::optional<std::string> subdomain;
  bool suspended = false;
  PlanLimits limits;
  std::shared_ptr<AccountMeter> meter;  // never null
};

// A version that requests may be given to.
struct RoutedVersion {
  uint64_t number = 0;
  std::string id;
  uint32_t slot = 0;       // dense over the snapshot; an index for what the data plane keeps per version
  uint32_t shareUpTo = 0;  // of kWholeShare: this version's share and those before it
  bool hasAssets = false;  // static ones, which may answer in the Worker's place
};

struct RoutedScript {
  std::string name;
  uint32_t account = 0;  // index; Routing::account
  bool disabled = false;
  bool workersDev = true;               // answers at NAME.SUBDOMAIN of the platform's domains
  bool previews = false;                // each version answers at a name (previewOf), a dash, and the script's
  std::vector<std::string> crons;       // expressions that catalog::Cron reads
  std::vector<RoutedVersion> versions;  // empty: not deployed
  std::vector<ScriptRow::Alias> aliases;

  // `key` is anything evenly spread: the same key gets the same version as long as the shares stay. Null: none
  // deployed.
  const RoutedVersion* pick(uint64_t key) const;

  // What the version that a preview of this name shows has its id begin with: an alias, or eight digits. Nullopt:
  // neither.
  std::optional<uint32_t> previewOf(std::string_view name) const;
};

class ZoneRoutes;
struct Lookup;

struct RoutedZone : std::enable_shared_from_this<RoutedZone> {
  std::string id;
  std::string name;
  uint32_t account = 0;
  std::optional<Origin> origin;
  std::shared_ptr<const ZoneRoutes> routes;  // never null
};

// The answer of a lookup. Pointers live as long as the snapshot.
struct Match {
  enum class Kind : uint8_t {
    kScript,       // `script`
    kOrigin,       // of `zone`: no script is concerned
    kNoScript,     // a host for scripts, but none answers there: page 1042
    kUndeployed,   // a route or domain names a script that is not there: page 1022
    kUnknownHost,  // nobody's
    kIpAddress,    // page 1003
    kBadHost,
  };
  Kind kind = Kind::kUnknownHost;
  bool failOpen = false;         // when the quota is used up, the request may go to the origin
  bool isRoute = false;          // `script` answers by a route; otherwise it is itself the origin of the host
  bool isWorkersDomain = false;  // NAME.SUBDOMAIN of the platform's own domain
  const RoutedScript* script = nullptr;
  // The version whose id begins with these eight digits is asked for, deployed or not.
  std::optional<uint32_t> preview = {};
  const RoutedAccount* account = nullptr;  // of the script, else of the zone
  const RoutedZone* zone = nullptr;        // the host's, if any
  // What stands behind a route in the place of the zone's origin: the script of a custom domain.
  const RoutedScript* behind = nullptr;
};

class Routing {
 public:
  // `authority` is host[:port], `target` a request target in origin form; both any bytes.
  Match find(std::string_view authority, Scheme scheme, std::string_view target) const;
  // The same for a host whose routes are passed by: its custom domain or its zone's origin.
  Match findBehindRoutes(std::string_view authority) const;

  const RoutedAccount& account(uint32_t index) const { return *accounts_[index]; }
  // By account id and name; for service bindings and tools. Null: there is none.
  const RoutedScript* findScript(std::string_view accountId, std::string_view name) const;

  // The script that answers on every host (`weir dev`), or null.
  const RoutedScript* everyHost() const { return everyHost_ == kNone ? nullptr : scripts_[everyHost_].get(); }

  // By index; null where there is none.
  std::span<const std::shared_ptr<const RoutedScript>> scripts() const { return scripts_; }

  // Every slot of a version in use, by slot; number 0 for a slot that is free.
  std::span<const uint64_t> versionSlots() const { return versionSlots_; }

  uint64_t generation() const { return generation_; }
  size_t scriptCount() const { return scriptCount_; }
  size_t zoneCount() const { return zoneCount_; }
  size_t nodeCount() const { return nodes_.size(); }

 private:
  friend class RoutingModel;
  friend struct Lookup;

  static constexpr uint32_t kNone = ~uint32_t{0};

  // What is known of one name.
  struct Node {
    const char* name = nullptr;  // borrowed from what the snapshot shares
    uint8_t size = 0;
    bool platform = false;          // NAME.SUBDOMAIN of this answers
    uint32_t zone = kNone;          // this name is a zone
    uint32_t routesZone = kNone;    // whose routes the next two are in
    uint32_t hosts = kNone;         // routes of exactly this host
    uint32_t suffix = kNone;        // routes of hosts below it
    uint32_t domainScript = kNone;  // custom domain
  };
  struct Slot {
    uint64_t hash = 0;
    uint32_t node = kNone;
  };

  Routing() = default;
  const Node* findNode(uint64_t hash, std::string_view name) const;
  Match toScript(uint32_t script) const;
  Match findUnusual(std::string_view authority, Scheme scheme, std::string_view target) const;
  Match match(std::string_view authority, Scheme scheme, std::string_view target, bool routes) const;
  Match findWorker(const Lookup& host, uint32_t depth) const;
  const uint32_t* findWorkerScript(std::string_view key) const;

  // Name hashes: a polynomial over a prime field at a secret point, so that no choice of names makes them collide.
  static uint64_t extendHash(uint64_t hash, char c, uint64_t point);
  static size_t slotOf(uint64_t hash, size_t tableSize);

  uint64_t generation_ = 0;
  uint64_t hashPoint_ = 0;
  uint32_t labelsMax_ = 0;
  std::vector<Slot> table_;  // open addressing, a power of two, at most half full
  std::vector<Node> nodes_;
  std::vector<Slot> workers_;                                   // "name.subdomain" → script index
  std::vector<Slot> byName_;                                    // "account/name" → script index
  std::vector<std::shared_ptr<const RoutedAccount>> accounts_;  // by index; null where free
  std::vector<std::shared_ptr<const RoutedScript>> scripts_;    // by index; null where not there
  std::vector<std::shared_ptr<const RoutedZone>> zones_;        // by index; null where free
  std::vector<uint64_t> versionSlots_;
  std::vector<std::shared_ptr<const std::string>> names_;  // of domains and platform domains
  size_t scriptCount_ = 0;
  size_t zoneCount_ = 0;
  uint32_t everyHost_ = kNone;
};

}  // namespace weir::catalog
