// Ledger: the meters of all accounts, and what of them is not yet in the store.
//
// Threads: `meterOf` and the rest on one thread (the catalog's); the meters themselves are for everybody.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "catalog/meter.h"

namespace weir::catalog {

class Ledger {
 public:
  // `saved` is what the store has; ages of bursts are moved on to now.
  Ledger(const std::vector<Catalog::Usage>& saved, base::Instant now, double wallMs);

  // The same one for the same account, for ever: what is used survives that an account is not routed for a while.
  std::shared_ptr<AccountMeter> meterOf(const std::string& account);

  // What differs from the store. It is taken as stored once `markSaved` follows; otherwise the next call has it again.
  std::vector<Catalog::Usage> unsaved(base::Instant now, double wallMs);
  void markSaved();

 private:
  struct Entry {
    std::shared_ptr<AccountMeter> meter;
    DailyCount::Usage daily;     // as stored
    uint64_t burstAdmitted = 0;  // likewise
    DailyCount::Usage offeredDaily;
    uint64_t offeredBurst = 0;
  };
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace weir::catalog
