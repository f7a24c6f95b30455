#include "store/migrations.h"

namespace weir::store {

Result<size_t> schemaVersion(Connection& connection) {
  auto row = connection.query("PRAGMA user_version");
  int64_t version = 0;
  if (row.next()) version = row.integer(0);
  if (!row.ok()) return row.error();
  return static_cast<size_t>(version);
}

Status migrate(Connection& connection, std::span<const Migration> steps) {
  for (;;) {
    auto seen = schemaVersion(connection);
    if (!seen.ok()) return seen.error();
    if (*seen == steps.size()) return base::Nothing{};
    auto transaction = Transaction::begin(connection);
    if (!transaction.ok()) return transaction.error();
    // Another process may have run a step while this one waited for the lock.
    auto version = schemaVersion(connection);
    if (!version.ok()) return version.error();
    if (*version > steps.size()) {
      return Error{Problem::kNewer, connection.path() + ": written by a newer weir (schema " +
                                        std::to_string(*version) + ", this one knows " + std::to_string(steps.size()) +
                                        "); run that one"};
    }
    if (*version == steps.size()) return base::Nothing{};
    const Migration& step = steps[*version];
    if (auto ran = connection.run(step.sql); !ran.ok()) {
      return Error{ran.error().problem,
                   ran.error().message + " (schema step " + std::to_string(*version + 1) + ", " + step.name + ")"};
    }
    if (auto set = connection.run("PRAGMA user_version = " + std::to_string(*version + 1)); !set.ok())
      return set.error();
    if (auto committed = transaction->commit(); !committed.ok()) return committed.error();
  }
}

}  // namespace weir::store
