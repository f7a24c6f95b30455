// The audit log: who changed what, when, from where. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/account.h"

namespace weir::catalog {

enum class ActorKind : uint8_t {
  kPlatform = 0,  // weir itself: the first account, a key made at the first start
  kOperator = 1,  // somebody with a shell on the machine
  kToken = 2,     // the management API
};

struct Actor {
  ActorKind kind = ActorKind::kPlatform;
  std::string id;                // of the token; the user's number
  std::string name = "weir";     // what people call it
  std::string via = "platform";  // "cli", "api"
  std::string address;           // where the request came from, without its port; empty: this machine
};

// Written with the change itself: both are there or neither.
struct AuditEntry {
  uint64_t number = 0;  // grows
  std::string id;       // UUID
  UnixMs atMs = 0;
  std::optional<std::string> account;  // id; none: of the platform. It may be gone.
  Actor actor;
  std::string action;         // a verb: "create", "update", "delete", "deploy", "rotate", …
  std::string resource;       // what kind of thing: "script", "zone", …
  std::string name;           // which one: what its owner calls it
  std::string detail = "{}";  // JSON: what it became; never a secret's text
};

struct AuditQuery {
  std::optional<std::string> account;  // id; none: everybody's
  std::optional<UnixMs> sinceMs;       // at or after
  std::optional<UnixMs> beforeMs;      // earlier than
  std::string action;                  // empty: any, as the next four
  std::string resource;
  std::string name;
  std::string actor;  // its id or name
  std::string address;
  std::string id;
  bool oldestFirst = false;
  uint64_t offset = 0;
  uint64_t limit = 100;
};

inline constexpr uint64_t kAuditPageMax = 10'000;
inline constexpr uint64_t kAuditCountMax = 100'000;

struct AuditPage {
  std::vector<AuditEntry> entries;  // at most kAuditPageMax
  uint64_t matching = 0;            // all that the query is true of, counted up to kAuditCountMax
};

}  // namespace weir::catalog
