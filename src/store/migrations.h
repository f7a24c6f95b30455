// Migrations: the schema of a database as numbered steps from nothing. A step that was released never changes; what
// changes is the list's length.
//
// The number of the last step that ran is the database's `user_version`.
#pragma once

#include <span>

#include "store/connection.h"

namespace weir::store {

struct Migration {
  const char* name;  // for error messages
  const char* sql;   // statements without parameters
};

// Runs what is missing, each step whole or not at all; several processes may do it at once. kNewer when the database
// has more steps than `steps`.
Status migrate(Connection& connection, std::span<const Migration> steps);

// How many steps have run.
Result<size_t> schemaVersion(Connection& connection);

}  // namespace weir::store
