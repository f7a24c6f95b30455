// AuditTrail: writes the audit log, for whomever the catalog is acting. What of the catalog is kept by parts of its own
// tells one trail.
//
// Threads: as the catalog it belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "catalog/audit.h"
#include "catalog/error.h"
#include "store/connection.h"

namespace weir::catalog {

struct Deed {
  std::string_view action;
  std::string_view resource;
  std::string_view name;
  std::optional<std::string_view> account;  // id
  std::string detail = "{}";
};

class AuditTrail {
 public:
  // All borrowed. Of more entries the oldest go.
  AuditTrail(store::Connection& db, const base::Clock& clock, base::Random& random, uint64_t entriesMax)
      : db_(db), clock_(clock), random_(random), entriesMax_(entriesMax) {}

  // Who makes the changes that follow; yields who did before.
  Actor actAs(Actor actor) { return std::exchange(actor_, std::move(actor)); }
  const Actor& actor() const { return actor_; }

  // Within a transaction, which is the change.
  Status record(const Deed& deed);

  // What is recorded between the two belongs to one change.
  void beginChange() { recorded_ = false; }
  bool hasRecorded() const { return recorded_; }

 private:
  store::Connection& db_;
  const base::Clock& clock_;
  base::Random& random_;
  const uint64_t entriesMax_;
  Actor actor_;
  bool recorded_ = false;
};

}  // namespace weir::catalog
