// The audit log of SqliteCatalog: how it is written and read.
#include <algorithm>

#include "catalog/audit_trail.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

namespace {

// The statements of a query, with and without an account, so that each has its index; parameters as `bound` gives them.
#define WEIR_AUDIT_COLUMNS \
  "SELECT number, id, at, account, actor_kind, actor, actor_name, via, address, action, resource, name, detail"
#define WEIR_AUDIT_WHERE                                                                                      \
  " AND (?2 IS NULL OR at >= ?2) AND (?3 IS NULL OR at < ?3) AND (?4 = '' OR action = ?4) "                   \
  "AND (?5 = '' OR resource = ?5) AND (?6 = '' OR name = ?6) AND (?7 = '' OR actor = ?7 OR actor_name = ?7) " \
  "AND (?8 = '' OR address = ?8) AND (?9 = '' OR id = ?9)"
#define WEIR_AUDIT_OF_ALL " FROM audit WHERE ?1 IS NULL" WEIR_AUDIT_WHERE
#define WEIR_AUDIT_OF_ONE " FROM audit WHERE account = ?1" WEIR_AUDIT_WHERE

constexpr size_t kNameBytesMax = 512;          // of what was changed
constexpr size_t kDetailBytesMax = 16 * 1024;  // a longer one is left out

}  // namespace

Status AuditTrail::record(const Deed& deed) {
  recorded_ = true;
  const bool tooLong = deed.detail.size() > kDetailBytesMax;
  if (auto error = failure(db_.execute(
          "INSERT INTO audit (id, at, account, actor_kind, actor, actor_name, via, address, action, resource, name, detail) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          newUuid(random_), static_cast<UnixMs>(clock_.wallMs()), deed.account, actor_.kind, actor_.id, actor_.name,
          actor_.via, actor_.address, deed.action, deed.resource, deed.name.substr(0, kNameBytesMax),
          tooLong ? std::string_view("{\"omitted\":true}") : std::string_view(deed.detail)))) {
    return *error;
  }
  // AUTOINCREMENT: the numbers of what is kept are the last ones, without a gap but for changes that were undone.
  if (auto error = failure(
          db_.execute("DELETE FROM audit WHERE number <= ?", db_.lastInsertId() - static_cast<int64_t>(entriesMax_)))) {
    return *error;
  }
  return base::Nothing{};
}

Result<AuditPage> SqliteCatalog::audit(const AuditQuery& query) {
  return read([&]() -> Result<AuditPage> {
    AuditPage page;
    const bool ofOne = query.account.has_value();
    const auto bound = [&](std::string_view sql, auto... more) {
      return db_->query(sql, query.account, query.sinceMs, query.beforeMs, query.action, query.resource, query.name,
                        query.actor, query.address, query.id, more...);
    };
    auto count = bound(ofOne ? "SELECT count(*) FROM (SELECT 1" WEIR_AUDIT_OF_ONE " LIMIT 100000)"
                             : "SELECT count(*) FROM (SELECT 1" WEIR_AUDIT_OF_ALL " LIMIT 100000)");
    if (!count.next()) return *failure(count);
    page.matching = static_cast<uint64_t>(count.integer(0));
    const std::string_view pages[] = {
        WEIR_AUDIT_COLUMNS WEIR_AUDIT_OF_ALL " ORDER BY number DESC LIMIT ?10 OFFSET ?11",
        WEIR_AUDIT_COLUMNS WEIR_AUDIT_OF_ALL " ORDER BY number LIMIT ?10 OFFSET ?11",
        WEIR_AUDIT_COLUMNS WEIR_AUDIT_OF_ONE " ORDER BY number DESC LIMIT ?10 OFFSET ?11",
        WEIR_AUDIT_COLUMNS WEIR_AUDIT_OF_ONE " ORDER BY number LIMIT ?10 OFFSET ?11",
    };
    auto row = bound(pages[(ofOne ? 2 : 0) + (query.oldestFirst ? 1 : 0)], std::min(query.limit, kAuditPageMax),
                     std::min(query.offset, kAuditCountMax));
    while (row.next()) {
      AuditEntry entry;
      entry.number = static_cast<uint64_t>(row.integer(0));
      entry.id = row.text(1);
      entry.atMs = row.integer(2);
      if (!row.isNull(3)) entry.account = row.text(3);
      entry.actor = {actorKindOf(row.integer(4)), std::string(row.text(5)), std::string(row.text(6)),
                     std::string(row.text(7)), std::string(row.text(8))};
      entry.action = row.text(9);
      entry.resource = row.text(10);
      entry.name = row.text(11);
      entry.detail = row.text(12);
      page.entries.push_back(std::move(entry));
    }
    if (auto error = failure(row)) return *error;
    return page;
  });
}

Status SqliteCatalog::backup(const std::string& path) {
  // First, so that the copy tells of itself.
  auto told = change([&]() -> Status { return record({"backup", "catalog", path, std::nullopt}); });
  if (!told.ok()) return told;
  if (auto error = failure(db_->backup(path))) return *error;
  return base::Nothing{};
}

Status SqliteCatalog::tellRestored(const std::string& backup) {
  return change([&]() -> Status { return record({"restore", "catalog", backup, std::nullopt}); });
}

Status SqliteCatalog::trimAudit(UnixMs before) {
  auto transaction = store::Transaction::begin(*db_);
  if (!transaction.ok()) return failed(transaction.error());
  if (auto error = failure(db_->execute("DELETE FROM audit WHERE at < ?", before))) return *error;
  if (auto error = failure(transaction->commit())) return *error;
  return base::Nothing{};
}

}  // namespace weir::catalog
