// What SqliteCatalog knows of the key of secrets.
#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

Result<std::optional<std::string>> SqliteCatalog::secretKey() {
  auto row = db_->query("SELECT value FROM facts WHERE name = 'secret_key'");
  if (row.next()) return std::optional<std::string>(row.text(0));
  if (auto error = failure(row)) return *error;
  return std::optional<std::string>();
}

Result<std::string> SqliteCatalog::chooseSecretKey(std::string_view id) {
  // Without a change where there is nothing to choose: this runs at every start.
  auto known = secretKey();
  if (!known.ok()) return known.error();
  if (*known) return **known;
  return change([&]() -> Result<std::string> {
    auto inserted = db_->execute("INSERT INTO facts VALUES ('secret_key', ?) ON CONFLICT DO NOTHING", id);
    if (auto error = failure(inserted)) return *error;
    auto chosen = secretKey();
    if (!chosen.ok()) return chosen.error();
    if (auto error = failure(record({"create", "secret-key", **chosen, std::nullopt}))) return *error;
    return **chosen;
  });
}

Result<uint64_t> SqliteCatalog::resealSecrets(std::string_view key, const Reseal& reseal) {
  return change([&]() -> Result<uint64_t> {
    struct Row {
      int64_t version;
      std::string account;
      std::string script;
      SealedSecret secret;
    };
    // In steps, so that no more than one is in memory at a time: by their order, which resealing does not change.
    uint64_t count = 0;
    int64_t version = 0;
    std::string name;
    for (;;) {
      Row row;
      {
        auto next = db_->query(
            "SELECT vs.version, s.account, s.name, vs.name, vs.key, vs.sealed FROM version_secrets vs "
            "JOIN versions v ON v.number = vs.version JOIN scripts s ON s.id = v.script "
            "WHERE (vs.version, vs.name) > (?, ?) ORDER BY vs.version, vs.name LIMIT 1",
            version, name);
        if (!next.next()) {
          if (auto error = failure(next)) return *error;
          break;
        }
        const store::BlobView sealed = next.blob(5);
        row = {next.integer(0),
               std::string(next.text(1)),
               std::string(next.text(2)),
               {std::string(next.text(3)), std::string(next.text(4)), Bytes(sealed.begin(), sealed.end())}};
      }
      auto sealed = reseal(row.account, row.script, row.secret);
      if (!sealed.ok()) return Error{Situation::kStoreFailed, sealed.error().message};
      CHECK(sealed->key == key);
      CHECK(sealed->name == row.secret.name);
      if (auto error =
              failure(db_->execute("UPDATE version_secrets SET key = ?, sealed = ? WHERE version = ? AND name = ?",
                                   sealed->key, sealed->sealed, row.version, sealed->name))) {
        return *error;
      }
      version = row.version;
      name = row.secret.name;
      ++count;
    }
    if (auto error = failure(db_->execute("INSERT OR REPLACE INTO facts VALUES ('secret_key', ?)", key))) return *error;
    if (auto error =
            failure(record({"rotate", "secret-key", key, std::nullopt, Detail().number("secrets", count).done()}))) {
      return *error;
    }
    return count;
  });
}

}  // namespace weir::catalog
