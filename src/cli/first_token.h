// The token of the first start: for the first account, in a file that `weir env` reads, so that there is something to
// begin with.
#pragma once

#include <string>

#include "catalog/catalog.h"

namespace weir::cli {

// Mode 0600.
std::string tokenPath(const std::string& data);

// Makes it on the first start, or where there is no token at all, or when the start before died before it had written
// the file; and never where the file is there. A file that was moved away and a token that was revoked stay so.
base::Status makeFirstToken(const std::string& data, bool firstStart, catalog::Catalog& catalog,
                            const catalog::Account& account, base::Random& random);

}  // namespace weir::cli
