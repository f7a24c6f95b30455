// Restoring: a catalog from a file that a backup made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "catalog/audit.h"
#include "catalog/error.h"

namespace weir::catalog {

struct Restored {
  uint64_t accounts = 0;
  uint64_t scripts = 0;
  uint64_t secrets = 0;
  std::optional<std::string> secretKey;  // id of the key that they are sealed with
};

// Makes a catalog at `path`, where there is none, from `backup`, which is not changed. Refused is what is no database,
// no catalog of weir's, damaged, or of a newer weir, and one whose schema is another than weir makes: a file that
// somebody has put triggers into. The catalog is there whole or not at all. The audit log tells of it.
Result<Restored> restoreCatalog(const std::string& backup, const std::string& path, const Actor& actor,
                                const base::Clock& clock, base::Random& random);

}  // namespace weir::catalog
