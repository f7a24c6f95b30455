// The schema of the catalog's SQLite database, as steps (store/migrations.h).
#pragma once

#include <span>

#include "store/migrations.h"

namespace weir::catalog {

std::span<const store::Migration> schemaSteps();

}  // namespace weir::catalog
