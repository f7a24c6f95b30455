// Scripts of SqliteCatalog and their schedules.
#include <set>

#include "catalog/hostname.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

namespace {

Script scriptOf(const store::Statement& row) {
  Script script;
  script.account = row.text(0);
  script.name = row.text(1);
  script.disabled = row.integer(2) != 0;
  script.workersDev = row.integer(3) != 0;
  script.previews = row.integer(4) != 0;
  script.settings = row.text(5);
  script.createdMs = row.integer(6);
  script.modifiedMs = row.integer(7);
  return script;
}

Error noScript(std::string_view name) {
  return {Situation::kScriptNotFound, "script " + std::string(name) + ": the account has none of this name"};
}

}  // namespace

Result<int64_t> SqliteCatalog::scriptRow(std::string_view account, std::string_view name) {
  auto row = db_->query("SELECT id FROM scripts WHERE account = ? AND name = ?", account, name);
  if (row.next()) return row.integer(0);
  if (auto error = failure(row)) return *error;
  return noScript(name);
}

Result<std::vector<Script>> SqliteCatalog::scripts(std::string_view account) {
  std::vector<Script> out;
  auto row = db_->query(
      "SELECT account, name, disabled, workers_dev, previews, settings, created, modified FROM scripts "
      "WHERE account = ? ORDER BY name",
      account);
  while (row.next()) out.push_back(scriptOf(row));
  if (auto error = failure(row)) return *error;
  return out;
}

Result<Script> SqliteCatalog::findScript(std::string_view account, std::string_view name) {
  auto row = db_->query(
      "SELECT account, name, disabled, workers_dev, previews, settings, created, modified FROM scripts "
      "WHERE account = ? AND name = ?",
      account, name);
  if (row.next()) return scriptOf(row);
  if (auto error = failure(row)) return *error;
  return noScript(name);
}

Result<Script> SqliteCatalog::changeScript(std::string_view account, std::string_view name,
                                           const ScriptChange& wanted) {
  return change([&]() -> Result<Script> {
    auto script = findScript(account, name);
    if (!script.ok()) return script;
    if (auto error = failure(
            db_->execute("UPDATE scripts SET disabled = ?, workers_dev = ?, previews = ?, settings = ?, modified = ? "
                         "WHERE account = ? AND name = ?",
                         wanted.disabled.value_or(script->disabled), wanted.workersDev.value_or(script->workersDev),
                         wanted.previews.value_or(script->previews), wanted.settings.value_or(script->settings),
                         nowMs(), account, name))) {
      return *error;
    }
    if (auto error = failure(note(ChangeKind::kScript, scriptKey(account, name)))) return *error;
    Detail detail;
    if (wanted.disabled) detail.boolean("disabled", *wanted.disabled);
    if (wanted.workersDev) detail.boolean("workers_dev", *wanted.workersDev);
    if (wanted.previews) detail.boolean("previews", *wanted.previews);
    if (wanted.settings) detail.raw("settings", base::isJson(*wanted.settings) ? *wanted.settings : "null");
    if (auto error = failure(record({"update", "script", name, account, detail.done()}))) return *error;
    return findScript(account, name);
  });
}

Status SqliteCatalog::removeScript(std::string_view account, std::string_view name) {
  return change([&]() -> Status {
    auto script = scriptRow(account, name);
    if (!script.ok()) return script.error();
    std::vector<int64_t> blobs;
    auto blob = db_->query(
        "SELECT blob FROM version_modules JOIN versions ON version = number WHERE script = ?1 "
        "UNION SELECT blob FROM version_artifacts JOIN versions ON version = number WHERE script = ?1",
        *script);
    while (blob.next()) blobs.push_back(blob.integer(0));
    if (auto error = failure(blob)) return *error;
    auto zone =
        db_->query("SELECT DISTINCT zone FROM routes JOIN zones ON zones.id = zone WHERE script = ? AND account = ?",
                   name, account);
    std::vector<std::string> zones;
    while (zone.next()) zones.emplace_back(zone.text(0));
    if (auto error = failure(zone)) return *error;
    for (const auto& id : zones) {
      if (auto error = failure(db_->execute("DELETE FROM routes WHERE zone = ? AND script = ?", id, name)))
        return *error;
      if (auto error = failure(note(ChangeKind::kZone, id))) return *error;
    }
    auto domain = db_->query("SELECT hostname FROM domains WHERE account = ? AND script = ?", account, name);
    std::vector<std::string> hostnames;
    while (domain.next()) hostnames.emplace_back(domain.text(0));
    if (auto error = failure(domain)) return *error;
    for (const auto& hostname : hostnames) {
      if (auto error = failure(db_->execute("DELETE FROM domains WHERE hostname = ?", hostname))) return *error;
      if (auto error = failure(note(ChangeKind::kDomain, hostname))) return *error;
    }
    if (auto error = failure(db_->execute("DELETE FROM scripts WHERE id = ?", *script))) return *error;
    if (auto error = failure(removeUnusedBlobs(blobs))) return *error;
    if (auto error = failure(record({"delete", "script", name, account}))) return *error;
    return note(ChangeKind::kScript, scriptKey(account, name));
  });
}

Result<std::vector<std::string>> SqliteCatalog::scriptsCalling(std::string_view account, std::string_view service) {
  std::vector<std::string> out;
  auto row = db_->query(
      "SELECT DISTINCT scripts.name FROM scripts JOIN versions ON versions.script = scripts.id, "
      "json_each(versions.bindings) AS binding WHERE scripts.account = ?1 AND versions.sequence = "
      "(SELECT max(sequence) FROM versions AS newest WHERE newest.script = scripts.id) AND "
      "json_extract(binding.value, '$.type') = 'service' AND json_extract(binding.value, '$.service') = ?2 "
      "ORDER BY scripts.name",
      account, service);
  while (row.next()) out.emplace_back(row.text(0));
  if (auto error = failure(row)) return *error;
  return out;
}

Result<std::vector<Schedule>> SqliteCatalog::schedules(std::string_view account, std::string_view script) {
  auto owner = scriptRow(account, script);
  if (!owner.ok()) return owner.error();
  std::vector<Schedule> out;
  auto row =
      db_->query("SELECT cron, created, modified FROM schedules WHERE script = ? ORDER BY created, cron", *owner);
  while (row.next()) out.push_back({std::string(row.text(0)), row.integer(1), row.integer(2)});
  if (auto error = failure(row)) return *error;
  return out;
}

Result<std::vector<Schedule>> SqliteCatalog::setSchedules(std::string_view account, std::string_view script,
                                                          const std::vector<std::string>& crons) {
  return change([&]() -> Result<std::vector<Schedule>> {
    auto owner = scriptRow(account, script);
    if (!owner.ok()) return owner.error();
    auto payer = findAccount(account);
    if (!payer.ok()) return payer.error();
    const std::set<std::string> wanted(crons.begin(), crons.end());
    std::vector<std::string> gone;
    auto row = db_->query("SELECT cron FROM schedules WHERE script = ?", *owner);
    while (row.next()) {
      if (!wanted.contains(std::string(row.text(0)))) gone.emplace_back(row.text(0));
    }
    if (auto error = failure(row)) return *error;
    for (const auto& cron : gone) {
      if (auto error = failure(db_->execute("DELETE FROM schedules WHERE script = ? AND cron = ?", *owner, cron)))
        return *error;
    }
    for (const auto& cron : wanted) {
      if (auto error = failure(
              db_->execute("INSERT INTO schedules VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO UPDATE SET modified = ?3",
                           *owner, cron, nowMs()))) {
        return *error;
      }
    }
    auto count =
        db_->query("SELECT count(*) FROM schedules JOIN scripts ON scripts.id = script WHERE account = ?", account);
    if (!count.next()) return *failure(count);
    const uint64_t most = payer->limits().schedules;
    if (static_cast<uint64_t>(count.integer(0)) > most) {
      return Error{Situation::kTooManySchedules,
                   "the account may have " + std::to_string(most) + " schedules: remove one that is not needed"};
    }
    if (auto error = failure(note(ChangeKind::kScript, scriptKey(account, script)))) return *error;
    if (auto error = failure(record({"update", "schedules", script, account,
                                     Detail().raw("crons", jsonList({wanted.begin(), wanted.end()})).done()}))) {
      return *error;
    }
    return schedules(account, script);
  });
}

}  // namespace weir::catalog
