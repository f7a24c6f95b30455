#include "catalog/restore.h"

#include <unistd.h>

#include <set>
#include <tuple>

#include "catalog/schema.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

namespace {

using Schema = std::set<std::tuple<std::string, std::string, std::string, std::string>>;

Error refused(const std::string& backup, const std::string& why) {
  return {Situation::kStoreFailed, backup + ": " + why};
}

Result<Schema> schemaOf(store::Connection& db) {
  Schema schema;
  auto row = db.query("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema");
  while (row.next()) {
    schema.emplace(std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2)),
                   std::string(row.text(3)));
  }
  if (auto error = failure(row)) return *error;
  return schema;
}

Status check(const std::string& backup, store::Connection& db) {
  auto version = store::schemaVersion(db);
  if (!version.ok()) return failed(version.error());
  if (*version > schemaSteps().size()) {
    return refused(backup, "a newer weir made it (schema " + std::to_string(*version) + ", this one knows " +
                               std::to_string(schemaSteps().size()) + "); run that one");
  }
  if (*version == 0) return refused(backup, "it holds no catalog");
  auto model = store::Connection::open(":memory:", {});
  if (!model.ok()) return failed(model.error());
  if (auto error = failure(store::migrate(**model, schemaSteps().first(*version)))) return *error;
  auto expected = schemaOf(**model);
  if (!expected.ok()) return expected.error();
  auto found = schemaOf(db);
  if (!found.ok()) return found.error();
  if (*found != *expected)
    return refused(backup, "its schema is not the one that weir makes: somebody has changed it; use another backup");
  auto whole = db.query("PRAGMA integrity_check(1)");
  if (!whole.next()) return *failure(whole);
  if (whole.text(0) != "ok") {
    return refused(backup, "it is damaged (" + shown(whole.text(0)) + "); use another backup");
  }
  auto broken = db.query("PRAGMA foreign_key_check");
  if (broken.next())
    return refused(backup, "a row of " + shown(broken.text(0)) + " refers to one that is missing; use another backup");
  if (auto error = failure(broken)) return *error;
  return base::Nothing{};
}

}  // namespace

Result<Restored> restoreCatalog(const std::string& backup, const std::string& path, const Actor& actor,
                                const base::Clock& clock, base::Random& random) {
  if (::access(backup.c_str(), R_OK) != 0)
    return refused(backup, "there is no such file, or it cannot be read; name a file that weir backup made");
  {
    store::Connection::Options options;
    options.create = false;
    options.readOnly = true;
    auto db = store::Connection::open(backup, options);
    if (!db.ok()) return failed(db.error());
    if (auto checked = check(backup, **db); !checked.ok()) return checked.error();
    if (auto copied = (*db)->backup(path); !copied.ok()) return failed(copied.error());
  }
  auto opened = SqliteCatalog::open(path, {clock, random, {}});
  if (!opened.ok()) return opened.error();
  SqliteCatalog& catalog = **opened;
  const Acting acting(catalog, actor);
  if (auto told = catalog.tellRestored(backup); !told.ok()) return told.error();
  Restored restored;
  auto count = catalog.connection().query(
      "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM scripts), (SELECT count(*) FROM version_secrets)");
  if (!count.next()) return *failure(count);
  restored.accounts = static_cast<uint64_t>(count.integer(0));
  restored.scripts = static_cast<uint64_t>(count.integer(1));
  restored.secrets = static_cast<uint64_t>(count.integer(2));
  auto key = catalog.secretKey();
  if (!key.ok()) return key.error();
  restored.secretKey = *key;
  return restored;
}

}  // namespace weir::catalog
