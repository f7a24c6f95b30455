// What routing is made from, as the catalog gives it: rows, and which of them changed. Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/account.h"
#include "catalog/script.h"
#include "catalog/zone.h"

namespace weir::catalog {

struct ScriptRow {
  struct Version {
    uint64_t number = 0;
    std::string id;
    uint32_t share = kWholeShare;
    bool hasAssets = false;
  };
  std::string account;  // id
  std::string name;
  bool disabled = false;
  bool workersDev = true;
  std::vector<Version> versions;  // of the active deployment
  bool previews = false;
  std::vector<std::string> crons = {};
};

enum class ChangeKind : uint8_t { kAccount = 1, kScript = 2, kZone = 3, kDomain = 4 };

struct Change {
  ChangeKind kind;
  std::string key;  // account id, "account/script", zone id (its routes too), hostname

  auto operator<=>(const Change&) const = default;
};

// Rows of one moment. With `changes`: only what those keys name, and a key without a row is gone. Without: everything.
struct RoutingRows {
  uint64_t upTo = 0;  // number of the last change they contain
  bool whole = true;
  std::vector<Change> changes;
  std::vector<Account> accounts;
  std::vector<ScriptRow> scripts;
  std::vector<Zone> zones;
  std::vector<Route> routes;
  std::vector<CustomDomain> domains;
};

}  // namespace weir::catalog
