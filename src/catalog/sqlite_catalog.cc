#include "catalog/sqlite_catalog.h"

#include <array>
#include <map>
#include <set>

#include "base/hex.h"
#include "catalog/hostname.h"
#include "catalog/schema.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

namespace {

// Changes that are kept for readers which have not seen them; one that has been away longer reads everything anew.
constexpr int64_t kChangesKeptMax = 10'000;
constexpr size_t kAccountNameBytesMax = 64;

Account accountOf(const store::Statement& row) {
  Account account;
  account.id = row.text(0);
  account.name = row.text(1);
  account.plan = row.integer(2) == 0 ? Plan::kFree : Plan::kPaid;
  account.suspended = row.integer(3) != 0;
  if (!row.isNull(4)) account.subdomain = row.text(4);
  account.createdMs = row.integer(5);
  return account;
}

Status checkAccountName(std::string_view name) {
  bool printable = !name.empty() && name.size() <= kAccountNameBytesMax && name.front() != ' ' && name.back() != ' ';
  for (const char c : name) printable = printable && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '/';
  if (!printable) {
    return Error{Situation::kBadAccount, "an account's name has 1 to 64 bytes, no slash, and no space at its ends"};
  }
  return base::Nothing{};
}

Status checkSubdomain(std::string_view subdomain) {
  if (isScriptName(subdomain)) return base::Nothing{};
  return Error{Situation::kBadSubdomain,
               "subdomain " + std::string(subdomain) +
                   ": it starts with a letter and has only lower-case letters, digits and dashes, at most 63"};
}

Status checkOverride(const LimitOverride& entry) {
  const auto* field = findLimitField(entry.name);
  if (field == nullptr) {
    std::string known;
    for (const auto& each : limitFields()) known += (known.empty() ? "" : ", ") + std::string(each.name);
    return Error{Situation::kBadAccount, "limit " + entry.name + ": there is none of this name; known are " + known};
  }
  if (entry.value < field->min || entry.value > field->max) {
    return Error{Situation::kBadAccount, "limit " + entry.name + ": must be from " + std::to_string(field->min) +
                                             " to " + std::to_string(field->max)};
  }
  return base::Nothing{};
}

std::string limitsText(const std::vector<LimitOverride>& overrides) {
  Detail limits;
  for (const auto& entry : overrides) limits.number(entry.name, entry.value);
  return limits.done();
}

// Ages and counts, each as four bytes, the low one first.
store::Blob packSlots(const std::vector<BurstWindow::Slot>& slots) {
  store::Blob out;
  const auto put = [&](uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(number >> shift));
  };
  for (const auto& slot : slots) {
    put(slot.ageSeconds);
    put(slot.count);
  }
  return out;
}

std::vector<BurstWindow::Slot> unpackSlots(store::BlobView bytes) {
  std::vector<BurstWindow::Slot> out;
  const auto take = [&](size_t at) {
    uint32_t number = 0;
    for (size_t i = 0; i < 4; ++i) number |= static_cast<uint32_t>(bytes[at + i]) << (8 * i);
    return number;
  };
  for (size_t at = 0; at + 8 <= bytes.size(); at += 8) out.push_back({take(at), take(at + 4)});
  return out;
}

}  // namespace

Result<std::unique_ptr<SqliteCatalog>> SqliteCatalog::open(const std::string& path, const Options& options) {
  auto self = std::unique_ptr<SqliteCatalog>(new SqliteCatalog(options));
  auto db = store::Connection::open(path, options.store);
  if (!db.ok()) return failed(db.error());
  self->db_ = std::move(db).value();
  self->trail_.emplace(*self->db_, self->clock_, self->random_, self->auditEntriesMax_);
  self->assets_.emplace(*self->db_, self->clock_, self->random_, *self->trail_);
  if (auto error = failure(store::migrate(*self->db_, schemaSteps()))) return *error;
  return self;
}

Status SqliteCatalog::note(ChangeKind kind, std::string_view key) {
  if (auto error = failure(db_->execute("INSERT INTO changes (kind, key) VALUES (?, ?)", kind, key))) return *error;
  if (auto error =
          failure(db_->execute("DELETE FROM changes WHERE number <= ?", db_->lastInsertId() - kChangesKeptMax)))
    return *error;
  return base::Nothing{};
}

// --- Accounts

Result<Account> SqliteCatalog::addAccount(const NewAccount& account) {
  return change([&]() -> Result<Account> {
    if (auto error = failure(checkAccountName(account.name))) return *error;
    if (account.subdomain) {
      if (auto error = failure(checkSubdomain(*account.subdomain))) return *error;
    }
    for (const auto& entry : account.overrides) {
      if (auto error = failure(checkOverride(entry))) return *error;
    }
    auto taken = db_->query("SELECT name = ? FROM accounts WHERE name = ? OR subdomain = ?", account.name, account.name,
                            account.subdomain);
    if (taken.next()) {
      if (taken.integer(0) != 0)
        return Error{Situation::kAccountExists, "account " + account.name + ": there is one of this name"};
      return Error{Situation::kSubdomainTaken,
                   "subdomain " + *account.subdomain + ": another account has it; choose another"};
    }
    if (auto error = failure(taken)) return *error;
    const std::string id = newId(random_);
    if (auto error =
            failure(db_->execute("INSERT INTO accounts (id, name, plan, subdomain, created) VALUES (?, ?, ?, ?, ?)", id,
                                 account.name, account.plan, account.subdomain, nowMs()))) {
      return *error;
    }
    for (const auto& entry : account.overrides) {
      if (auto error = failure(
              db_->execute("INSERT OR REPLACE INTO account_limits VALUES (?, ?, ?)", id, entry.name, entry.value)))
        return *error;
    }
    if (auto error = failure(note(ChangeKind::kAccount, id))) return *error;
    if (auto error = failure(record({"create", "account", account.name, id,
                                     Detail()
                                         .text("plan", nameOf(account.plan))
                                         .textOrNull("subdomain", account.subdomain)
                                         .raw("limits", limitsText(account.overrides))
                                         .done()}))) {
      return *error;
    }
    return findAccount(id);
  });
}

Result<std::vector<Account>> SqliteCatalog::accounts() {
  std::vector<Account> out;
  std::map<std::string, size_t, std::less<>> at;
  auto row = db_->query("SELECT id, name, plan, suspended, subdomain, created FROM accounts ORDER BY created, name");
  while (row.next()) {
    at[std::string(row.text(0))] = out.size();
    out.push_back(accountOf(row));
  }
  if (auto error = failure(row)) return *error;
  auto limit = db_->query("SELECT account, name, value FROM account_limits");
  while (limit.next()) {
    const auto owner = at.find(limit.text(0));
    if (owner != at.end())
      out[owner->second].overrides.push_back({std::string(limit.text(1)), static_cast<uint64_t>(limit.integer(2))});
  }
  if (auto error = failure(limit)) return *error;
  return out;
}

Result<Account> SqliteCatalog::findAccount(std::string_view idOrName) {
  auto row = db_->query(
      "SELECT id, name, plan, suspended, subdomain, created FROM accounts WHERE id = ? OR name = ? ORDER BY id = ? DESC",
      idOrName, idOrName, idOrName);
  if (!row.next()) {
    if (auto error = failure(row)) return *error;
    return Error{Situation::kAccountNotFound,
                 "account " + std::string(idOrName) + ": there is none of this name or id; see weir account list"};
  }
  Account account = accountOf(row);
  auto limit = db_->query("SELECT name, value FROM account_limits WHERE account = ?", account.id);
  while (limit.next())
    account.overrides.push_back({std::string(limit.text(0)), static_cast<uint64_t>(limit.integer(1))});
  if (auto error = failure(limit)) return *error;
  return account;
}

Result<Account> SqliteCatalog::changeAccount(std::string_view account, const AccountChange& wanted) {
  return change([&]() -> Result<Account> {
    auto found = findAccount(account);
    if (!found.ok()) return found;
    const std::string& id = found->id;
    if (wanted.name) {
      if (auto error = failure(checkAccountName(*wanted.name))) return *error;
      auto renamed = db_->execute("UPDATE accounts SET name = ? WHERE id = ?", *wanted.name, id);
      if (!renamed.ok() && renamed.error().problem == store::Problem::kExists) {
        return Error{Situation::kAccountExists, "account " + *wanted.name + ": there is one of this name"};
      }
      if (auto error = failure(renamed)) return *error;
    }
    if (wanted.subdomain) {
      if (auto error = failure(checkSubdomain(*wanted.subdomain))) return *error;
      auto moved = db_->execute("UPDATE accounts SET subdomain = ? WHERE id = ?", *wanted.subdomain, id);
      if (!moved.ok() && moved.error().problem == store::Problem::kExists) {
        return Error{Situation::kSubdomainTaken,
                     "subdomain " + *wanted.subdomain + ": another account has it; choose another"};
      }
      if (auto error = failure(moved)) return *error;
    }
    if (wanted.plan) {
      if (auto error = failure(db_->execute("UPDATE accounts SET plan = ? WHERE id = ?", *wanted.plan, id)))
        return *error;
    }
    if (wanted.suspended) {
      if (auto error = failure(db_->execute("UPDATE accounts SET suspended = ? WHERE id = ?", *wanted.suspended, id)))
        return *error;
    }
    for (const auto& name : wanted.dropOverrides) {
      if (findLimitField(name) == nullptr) {
        if (auto error = failure(checkOverride({name, 0}))) return *error;
      }
      if (auto error = failure(db_->execute("DELETE FROM account_limits WHERE account = ? AND name = ?", id, name)))
        return *error;
    }
    for (const auto& entry : wanted.setOverrides) {
      if (auto error = failure(checkOverride(entry))) return *error;
      if (auto error = failure(
              db_->execute("INSERT OR REPLACE INTO account_limits VALUES (?, ?, ?)", id, entry.name, entry.value)))
        return *error;
    }
    if (auto error = failure(note(ChangeKind::kAccount, id))) return *error;
    Detail detail;
    if (wanted.name) detail.text("name", *wanted.name);
    if (wanted.plan) detail.text("plan", nameOf(*wanted.plan));
    if (wanted.subdomain) detail.text("subdomain", *wanted.subdomain);
    if (wanted.suspended) detail.boolean("suspended", *wanted.suspended);
    if (!wanted.setOverrides.empty()) detail.raw("limits", limitsText(wanted.setOverrides));
    if (!wanted.dropOverrides.empty()) detail.raw("limits_dropped", jsonList(wanted.dropOverrides));
    if (auto error = failure(record({"update", "account", found->name, id, detail.done()}))) return *error;
    return findAccount(id);
  });
}

Status SqliteCatalog::removeAccount(std::string_view account) {
  return change([&]() -> Status {
    auto found = findAccount(account);
    if (!found.ok()) return found.error();
    auto used = db_->query(
        "SELECT (SELECT count(*) FROM scripts WHERE account = ?1), (SELECT count(*) FROM zones WHERE account = ?1), "
        "(SELECT count(*) FROM domains WHERE account = ?1)",
        found->id);
    if (!used.next()) return *failure(used);
    if (used.integer(0) + used.integer(1) + used.integer(2) > 0) {
      return Error{Situation::kAccountInUse,
                   "account " + found->name + " still has " + std::to_string(used.integer(0)) + " scripts, " +
                       std::to_string(used.integer(1)) + " zones and " + std::to_string(used.integer(2)) +
                       " custom domains: remove them first, or suspend it"};
    }
    if (auto error = failure(db_->execute("DELETE FROM accounts WHERE id = ?", found->id))) return *error;
    if (auto error = failure(record({"delete", "account", found->name, found->id}))) return *error;
    return note(ChangeKind::kAccount, found->id);
  });
}

// --- For routing

namespace {

template <class Take>
void forEachLine(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto one = text.substr(0, text.find('\n'));
    take(one);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
}

}  // namespace

Status SqliteCatalog::readRows(RoutingRows& rows) {
  const auto wanted = [&](ChangeKind kind) {
    std::vector<std::string_view> keys;
    for (const auto& each : rows.changes) {
      if (each.kind == kind) keys.push_back(each.key);
    }
    return keys;
  };
  // One query for everything, or one for each key.
  const auto readScript = [&](store::Statement row) -> Status {
    while (row.next()) {
      if (rows.scripts.empty() || rows.scripts.back().name != row.text(1) ||
          rows.scripts.back().account != row.text(0)) {
        ScriptRow script;
        script.account = row.text(0);
        script.name = row.text(1);
        script.disabled = row.integer(2) != 0;
        script.workersDev = row.integer(3) != 0;
        script.previews = row.integer(8) != 0;
        forEachLine(row.text(9), [&](std::string_view cron) { script.crons.emplace_back(cron); });
        forEachLine(row.text(10), [&](std::string_view alias) {
          if (const auto digits = readPreviewDigits(alias))
            script.aliases.push_back({std::string(alias.substr(kPreviewDigits)), *digits});
        });
        rows.scripts.push_back(std::move(script));
        rows.scripts.back().versions.clear();
      }
      if (row.isNull(4)) continue;
      rows.scripts.back().versions.push_back({static_cast<uint64_t>(row.integer(4)), std::string(row.text(5)),
                                              static_cast<uint32_t>(row.integer(6)), row.integer(7) != 0});
    }
    if (auto error = failure(row)) return *error;
    return base::Nothing{};
  };
  const auto readZone = [&](store::Statement row) -> Status {
    while (row.next()) rows.zones.push_back(zoneFrom(row));
    if (auto error = failure(row)) return *error;
    return base::Nothing{};
  };
  const auto readRoute = [&](store::Statement row) -> Status {
    while (row.next()) rows.routes.push_back(routeOf(row));
    if (auto error = failure(row)) return *error;
    return base::Nothing{};
  };
  const auto readDomain = [&](store::Statement row) -> Status {
    while (row.next()) {
      CustomDomain domain;
      domain.id = row.text(0);
      domain.account = row.text(1);
      domain.hostname = row.text(2);
      domain.script = row.text(3);
      domain.enabled = row.integer(4) != 0;
      rows.domains.push_back(std::move(domain));
    }
    if (auto error = failure(row)) return *error;
    return base::Nothing{};
  };
  if (rows.whole) {
    auto all = accounts();
    if (!all.ok()) return all.error();
    rows.accounts = std::move(all).value();
    if (auto s = readScript(db_->query(
            "SELECT s.account, s.name, s.disabled, s.workers_dev, v.number, v.id, dv.share, "
            "EXISTS (SELECT 1 FROM version_assets WHERE version = v.number), s.previews, "
            "(SELECT group_concat(cron, char(10)) FROM schedules WHERE script = s.id), "
            "(SELECT group_concat(substr(w.id, 1, 8) || a.name, char(10)) FROM version_aliases a "
            "JOIN versions w ON w.number = a.version WHERE a.script = s.id) FROM scripts s "
            "LEFT JOIN deployment_versions dv ON dv.deployment = (SELECT max(number) FROM deployments WHERE script = s.id) "
            "LEFT JOIN versions v ON v.number = dv.version ORDER BY s.id, dv.position"));
        !s.ok()) {
      return s;
    }
    if (auto s = readZone(db_->query("SELECT id, account, name, origin FROM zones")); !s.ok()) return s;
    if (auto s = readRoute(db_->query("SELECT id, zone, pattern, script, fail_open FROM routes")); !s.ok()) return s;
    return readDomain(db_->query("SELECT id, account, hostname, script, enabled FROM domains"));
  }
  for (const auto key : wanted(ChangeKind::kAccount)) {
    auto account = findAccount(key);
    if (account.ok()) rows.accounts.push_back(std::move(account).value());
    else if (account.error().situation != Situation::kAccountNotFound) return account.error();
  }
  for (const auto key : wanted(ChangeKind::kScript)) {
    const size_t slash = key.find('/');
    if (auto s = readScript(db_->query(
            "SELECT s.account, s.name, s.disabled, s.workers_dev, v.number, v.id, dv.share, "
            "EXISTS (SELECT 1 FROM version_assets WHERE version = v.number), s.previews, "
            "(SELECT group_concat(cron, char(10)) FROM schedules WHERE script = s.id), "
            "(SELECT group_concat(substr(w.id, 1, 8) || a.name, char(10)) FROM version_aliases a "
            "JOIN versions w ON w.number = a.version WHERE a.script = s.id) FROM scripts s "
            "LEFT JOIN deployment_versions dv ON dv.deployment = (SELECT max(number) FROM deployments WHERE script = s.id) "
            "LEFT JOIN versions v ON v.number = dv.version WHERE s.account = ? AND s.name = ? ORDER BY dv.position",
            key.substr(0, slash), key.substr(slash + 1)));
        !s.ok()) {
      return s;
    }
  }
  for (const auto key : wanted(ChangeKind::kZone)) {
    if (auto s = readZone(db_->query("SELECT id, account, name, origin FROM zones WHERE id = ?", key)); !s.ok())
      return s;
    if (auto s = readRoute(db_->query("SELECT id, zone, pattern, script, fail_open FROM routes WHERE zone = ?", key));
        !s.ok())
      return s;
  }
  for (const auto key : wanted(ChangeKind::kDomain)) {
    if (auto s = readDomain(
            db_->query("SELECT id, account, hostname, script, enabled FROM domains WHERE hostname = ?", key));
        !s.ok())
      return s;
  }
  return base::Nothing{};
}

Result<RoutingRows> SqliteCatalog::routingRows() {
  return read([&]() -> Result<RoutingRows> {
    RoutingRows rows;
    auto last = db_->query("SELECT max(number) FROM changes");
    if (last.next()) rows.upTo = static_cast<uint64_t>(last.integer(0));
    if (auto error = failure(last)) return *error;
    if (auto error = failure(readRows(rows))) return *error;
    return rows;
  });
}

Result<RoutingRows> SqliteCatalog::changesSince(uint64_t upTo) {
  bool known = true;
  auto changed = read([&]() -> Result<RoutingRows> {
    RoutingRows rows;
    rows.whole = false;
    rows.upTo = upTo;
    auto oldest = db_->query("SELECT min(number) FROM changes");
    if (oldest.next()) known = oldest.isNull(0) || static_cast<uint64_t>(oldest.integer(0)) <= upTo + 1;
    if (auto error = failure(oldest)) return *error;
    if (!known) return rows;
    auto row = db_->query("SELECT number, kind, key FROM changes WHERE number > ? ORDER BY number", upTo);
    std::set<Change> seen;
    while (row.next()) {
      rows.upTo = static_cast<uint64_t>(row.integer(0));
      Change each{static_cast<ChangeKind>(row.integer(1)), std::string(row.text(2))};
      if (seen.insert(each).second) rows.changes.push_back(std::move(each));
    }
    if (auto error = failure(row)) return *error;
    if (auto error = failure(readRows(rows))) return *error;
    return rows;
  });
  if (changed.ok() && !known) return routingRows();
  return changed;
}

Result<bool> SqliteCatalog::mayHaveChanged() {
  auto version = db_->dataVersion();
  if (!version.ok()) return failed(version.error());
  const bool changed = std::exchange(ownChange_, false) || *version != seenDataVersion_;
  seenDataVersion_ = *version;
  return changed;
}

// --- For meters

Result<std::vector<Catalog::Usage>> SqliteCatalog::usage() {
  std::vector<Usage> out;
  auto row = db_->query("SELECT account, day, requests, burst, saved FROM usage");
  while (row.next()) {
    Usage usage;
    usage.account = row.text(0);
    usage.daily = {static_cast<uint32_t>(row.integer(1)), static_cast<uint64_t>(row.integer(2))};
    usage.burst = unpackSlots(row.blob(3));
    usage.savedMs = row.integer(4);
    out.push_back(std::move(usage));
  }
  if (auto error = failure(row)) return *error;
  return out;
}

Status SqliteCatalog::saveUsage(const std::vector<Usage>& usage) {
  auto transaction = store::Transaction::begin(*db_);
  if (!transaction.ok()) return failed(transaction.error());
  for (const auto& each : usage) {
    // An account that was removed meanwhile has none.
    if (auto error = failure(
            db_->execute("INSERT OR REPLACE INTO usage SELECT id, ?, ?, ?, ? FROM accounts WHERE id = ?",
                         each.daily.day, each.daily.requests, packSlots(each.burst), each.savedMs, each.account))) {
      return *error;
    }
  }
  if (auto error = failure(transaction->commit())) return *error;
  return base::Nothing{};
}

}  // namespace weir::catalog
