// What routing is made from, as the catalog gives it: rows, and which of them changed. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hex.h"
#include "catalog/account.h"
#include "catalog/script.h"
#include "catalog/zone.h"

namespace weir::catalog {

// So much of a version's id stands before its script's name where a preview is asked for.
inline constexpr size_t kPreviewDigits = 8;

// The hexadecimal digits that `text` begins with; nullopt: it begins with something else.
inline std::optional<uint32_t> readPreviewDigits(std::string_view text) {
  if (text.size() < kPreviewDigits) return std::nullopt;
  uint32_t digits = 0;
  for (const char c : text.substr(0, kPreviewDigits)) {
    const int value = base::hexValue(c);
    if (value < 0) return std::nullopt;
    digits = digits << 4 | static_cast<uint32_t>(value);
  }
  return digits;
}

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
  struct Alias {
    std::string name;
    uint32_t digits = 0;  // the first eight of its version's id
  };
  std::vector<Alias> aliases = {};
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
