// Scripts, versions, deployments and schedules of SqliteCatalog.
#include <array>
#include <numeric>
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

Version versionOf(const store::Statement& row, std::string_view script) {
  Version version;
  version.number = static_cast<uint64_t>(row.integer(0));
  version.id = row.text(1);
  version.script = script;
  version.sequence = static_cast<uint32_t>(row.integer(2));
  version.createdMs = row.integer(3);
  version.source = row.text(4);
  version.author = row.text(5);
  version.annotations = row.text(6);
  version.syntax = row.integer(7) == 0 ? VersionSyntax::kEsModules : VersionSyntax::kServiceWorker;
  version.compatibilityDate = row.text(8);
  version.compatibilityFlags = row.text(9);
  version.bindings = row.text(10);
  version.limits = row.text(11);
  version.etag = row.text(12);
  version.check.kind = static_cast<StartKind>(row.integer(13));
  version.check.reason = row.text(14);
  version.check.startupMs = static_cast<uint32_t>(row.integer(15));
  version.check.handlers = row.text(16);
  version.hasAssets = row.integer(17) != 0;
  return version;
}

Error noScript(std::string_view name) {
  return {Situation::kScriptNotFound, "script " + std::string(name) + ": the account has none of this name"};
}

Error noVersion(std::string_view id) {
  return {Situation::kVersionNotFound, "version " + std::string(id) + ": the script has none of this id"};
}

}  // namespace

bool isAlias(std::string_view name) {
  if (name.empty() || name.size() > 61 || name[0] < 'a' || name[0] > 'z' || name.back() == '-') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

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

Result<int64_t> SqliteCatalog::storeBlob(store::BlobView content) {
  const auto hash = sha256(content);
  auto row = db_->query("SELECT id FROM blobs WHERE hash = ?", hash);
  if (row.next()) return row.integer(0);
  if (auto error = failure(row)) return *error;
  if (auto error = failure(db_->execute("INSERT INTO blobs (hash, content) VALUES (?, ?)", hash, content)))
    return *error;
  return db_->lastInsertId();
}

Status SqliteCatalog::removeUnusedBlobs(const std::vector<int64_t>& candidates) {
  for (const int64_t blob : candidates) {
    if (auto error = failure(db_->execute(
            "DELETE FROM blobs WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM version_modules WHERE blob = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM version_artifacts WHERE blob = ?1)",
            blob))) {
      return *error;
    }
  }
  return base::Nothing{};
}

// The version before loses it, and where there are too many the one that was set longest ago is forgotten.
Status SqliteCatalog::setAlias(int64_t script, int64_t version, const std::string& name) {
  if (auto error = failure(db_->execute(
          "INSERT OR REPLACE INTO version_aliases (script, name, version) VALUES (?, ?, ?)", script, name, version))) {
    return *error;
  }
  if (auto error = failure(
          db_->execute("DELETE FROM version_aliases WHERE script = ?1 AND number <= "
                       "(SELECT number FROM version_aliases WHERE script = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
                       script, kAliasesKeptMax))) {
    return *error;
  }
  return base::Nothing{};
}

// Drops what of the script's history nobody can ask for any more.
Status SqliteCatalog::prune(int64_t script) {
  if (auto error = failure(
          db_->execute("DELETE FROM deployments WHERE script = ?1 AND number <= "
                       "(SELECT number FROM deployments WHERE script = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
                       script, kDeploymentsKeptMax))) {
    return *error;
  }
  std::vector<int64_t> versions;
  std::vector<int64_t> blobs;
  auto old = db_->query(
      "SELECT number FROM versions WHERE script = ?1 AND sequence <= "
      "(SELECT sequence FROM versions WHERE script = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2) "
      "AND NOT EXISTS (SELECT 1 FROM deployment_versions WHERE version = versions.number) "
      "AND NOT EXISTS (SELECT 1 FROM version_aliases WHERE version = versions.number)",
      script, kVersionsKeptMax);
  while (old.next()) versions.push_back(old.integer(0));
  if (auto error = failure(old)) return *error;
  for (const int64_t version : versions) {
    auto blob = db_->query(
        "SELECT blob FROM version_modules WHERE version = ?1 UNION SELECT blob FROM version_artifacts WHERE version = ?1",
        version);
    while (blob.next()) blobs.push_back(blob.integer(0));
    if (auto error = failure(blob)) return *error;
    if (auto error = failure(db_->execute("DELETE FROM versions WHERE number = ?", version))) return *error;
  }
  return removeUnusedBlobs(blobs);
}

Result<Version> SqliteCatalog::addVersion(const NewVersion& version, const std::optional<NewDeployment>& deployment) {
  return change([&]() -> Result<Version> {
    if (!isScriptName(version.script)) {
      return Error{Situation::kBadScriptName,
                   "script " + version.script +
                       ": a name starts with a letter and has only lower-case letters, digits and dashes, at most 63"};
    }
    auto account = findAccount(version.account);
    if (!account.ok()) return account.error();
    const PlanLimits limits = account->limits();
    const uint64_t bytes =
        std::accumulate(version.modules.begin(), version.modules.end(), uint64_t{0},
                        [](uint64_t sum, const Module& module) { return sum + module.content.size(); });
    if (bytes > limits.bundleBytes) {
      return Error{Situation::kTooLarge, "the modules have " + std::to_string(bytes) +
                                             " bytes together; the account may use " +
                                             std::to_string(limits.bundleBytes)};
    }
    auto script = scriptRow(account->id, version.script);
    if (!script.ok()) {
      if (script.error().situation != Situation::kScriptNotFound) return script.error();
      auto count = db_->query("SELECT count(*) FROM scripts WHERE account = ?", account->id);
      if (!count.next()) return *failure(count);
      if (static_cast<uint64_t>(count.integer(0)) >= limits.scripts) {
        return Error{Situation::kTooManyScripts,
                     "the account has " + std::to_string(limits.scripts) +
                         " scripts, which is all it may have: delete one that is not needed"};
      }
      if (auto error =
              failure(db_->execute("INSERT INTO scripts (account, name, created, modified) VALUES (?, ?, ?, ?)",
                                   account->id, version.script, nowMs(), nowMs()))) {
        return *error;
      }
      script = db_->lastInsertId();
    }
    int64_t sequence = 0;
    std::string newest;
    {
      auto row =
          db_->query("SELECT sequence, id FROM versions WHERE script = ? ORDER BY sequence DESC LIMIT 1", *script);
      if (row.next()) {
        sequence = row.integer(0);
        newest = row.text(1);
      }
      if (auto error = failure(row)) return *error;
    }
    if (version.expectedNewest && *version.expectedNewest != newest) {
      return Error{Situation::kConcurrentChange,
                   "script " + version.script + " was uploaded by somebody else meanwhile: try again"};
    }
    const std::string id = newUuid();
    if (auto error = failure(db_->execute(
            "INSERT INTO versions (id, script, sequence, created, source, author, annotations, syntax, compatibility_date, "
            "compatibility_flags, bindings, limits, etag, start_kind, start_reason, startup_ms, handlers) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id, *script, sequence + 1, nowMs(), version.source, version.author, version.annotations, version.syntax,
            version.compatibilityDate, version.compatibilityFlags, version.bindings, version.limits, version.etag,
            version.check.kind, version.check.reason, version.check.startupMs, version.check.handlers))) {
      return *error;
    }
    const int64_t number = db_->lastInsertId();
    for (size_t i = 0; i < version.modules.size(); ++i) {
      const auto& module = version.modules[i];
      auto blob = storeBlob(module.content);
      if (!blob.ok()) return blob.error();
      if (auto error = failure(db_->execute("INSERT INTO version_modules VALUES (?, ?, ?, ?, ?, ?)", number, i,
                                            module.name, module.kind, module.contentType, *blob))) {
        return *error;
      }
    }
    auto key = secretKey();
    if (!key.ok()) return key.error();
    if (version.assets) {
      if (auto error = failure(db_->execute("INSERT INTO version_assets VALUES (?, ?, ?)", number, version.assets->set,
                                            version.assets->config))) {
        return *error;
      }
    }
    for (const auto& secret : version.secrets) {
      if (*key && **key != secret.key) {
        return Error{Situation::kConcurrentChange, "the key of secrets was changed meanwhile: try again"};
      }
      if (auto error = failure(db_->execute("INSERT INTO version_secrets VALUES (?, ?, ?, ?)", number, secret.name,
                                            secret.key, secret.sealed))) {
        return *error;
      }
    }
    for (const auto& [kind, content] :
         {std::pair{Artifact::kHeapSnapshot, &version.heapSnapshot}, {Artifact::kCodeCache, &version.codeCache}}) {
      if (content->empty()) continue;
      auto blob = storeBlob(*content);
      if (!blob.ok()) return blob.error();
      if (auto error = failure(db_->execute("INSERT INTO version_artifacts VALUES (?, ?, ?)", number, kind, *blob)))
        return *error;
    }
    if (auto error =
            failure(db_->execute("UPDATE scripts SET modified = ?, settings = coalesce(?, settings) WHERE id = ?",
                                 nowMs(), version.settings, *script)))
      return *error;
    if (deployment) {
      NewDeployment only = *deployment;
      only.versions = {{id, kWholeShare}};
      if (auto error = failure(deployRow(*script, newUuid(), only))) return *error;
    }
    if (!version.alias.empty()) {
      if (auto error = failure(setAlias(*script, number, version.alias))) return *error;
    }
    if (auto error = failure(prune(*script))) return *error;
    if (auto error = failure(note(ChangeKind::kScript, scriptKey(account->id, version.script)))) return *error;
    std::vector<std::string> secrets;
    for (const auto& secret : version.secrets) secrets.push_back(secret.name);
    if (auto error = failure(record({"upload", "script", version.script, account->id,
                                     Detail()
                                         .text("version", id)
                                         .text("etag", version.etag)
                                         .text("source", version.source)
                                         .boolean("deployed", deployment.has_value())
                                         .raw("secrets", jsonList(secrets))
                                         .done()}))) {
      return *error;
    }
    return findVersion(account->id, version.script, id);
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

Result<std::vector<Version>> SqliteCatalog::versions(std::string_view account, std::string_view script) {
  auto id = scriptRow(account, script);
  if (!id.ok()) return id.error();
  std::vector<Version> out;
  auto row = db_->query(
      "SELECT number, id, sequence, created, source, author, annotations, syntax, compatibility_date, compatibility_flags, "
      "bindings, limits, etag, start_kind, start_reason, startup_ms, handlers, "
      "EXISTS (SELECT 1 FROM version_assets WHERE version = number) FROM versions WHERE script = ? ORDER BY sequence DESC",
      *id);
  while (row.next()) out.push_back(versionOf(row, script));
  if (auto error = failure(row)) return *error;
  return out;
}

Result<Version> SqliteCatalog::findVersion(std::string_view account, std::string_view script, std::string_view id) {
  auto owner = scriptRow(account, script);
  if (!owner.ok()) return owner.error();
  auto row = db_->query(
      "SELECT number, id, sequence, created, source, author, annotations, syntax, compatibility_date, compatibility_flags, "
      "bindings, limits, etag, start_kind, start_reason, startup_ms, handlers, "
      "EXISTS (SELECT 1 FROM version_assets WHERE version = number) FROM versions WHERE script = ? AND id = ?",
      *owner, id);
  if (row.next()) return versionOf(row, script);
  if (auto error = failure(row)) return *error;
  return noVersion(id);
}

Result<std::vector<Module>> SqliteCatalog::modules(uint64_t version) {
  std::vector<Module> out;
  auto row = db_->query(
      "SELECT name, kind, content_type, content FROM version_modules JOIN blobs ON blobs.id = blob WHERE version = ? ORDER BY position",
      version);
  while (row.next()) {
    Module module;
    module.name = row.text(0);
    module.kind = static_cast<ModuleKind>(row.integer(1));
    module.contentType = row.text(2);
    const auto content = row.blob(3);
    module.content.assign(content.begin(), content.end());
    out.push_back(std::move(module));
  }
  if (auto error = failure(row)) return *error;
  if (!out.empty()) return out;
  auto known = db_->query("SELECT 1 FROM version_assets WHERE version = ?", version);
  if (known.next()) return out;
  if (auto error = failure(known)) return *error;
  return noVersion(std::to_string(version));
}

Result<std::vector<SealedSecret>> SqliteCatalog::secrets(uint64_t version) {
  std::vector<SealedSecret> out;
  auto row = db_->query("SELECT name, key, sealed FROM version_secrets WHERE version = ?", version);
  while (row.next()) {
    const auto sealed = row.blob(2);
    out.push_back({std::string(row.text(0)), std::string(row.text(1)), Bytes(sealed.begin(), sealed.end())});
  }
  if (auto error = failure(row)) return *error;
  return out;
}

Result<std::optional<Bytes>> SqliteCatalog::artifact(uint64_t version, Artifact artifact) {
  auto row =
      db_->query("SELECT content FROM version_artifacts JOIN blobs ON blobs.id = blob WHERE version = ? AND kind = ?",
                 version, artifact);
  if (row.next()) {
    const auto content = row.blob(0);
    return std::optional<Bytes>(Bytes(content.begin(), content.end()));
  }
  if (auto error = failure(row)) return *error;
  return std::optional<Bytes>();
}

Status SqliteCatalog::deployRow(int64_t script, const std::string& id, const NewDeployment& deployment) {
  const auto bad = [](const std::string& why) { return Error{Situation::kBadDeployment, "the deployment " + why}; };
  if (deployment.versions.empty()) return bad("names no version");
  if (deployment.versions.size() > kDeployedVersionsMax)
    return bad("names more than " + std::to_string(kDeployedVersionsMax) + " versions");
  uint64_t sum = 0;
  std::set<std::string> seen;
  for (const auto& each : deployment.versions) {
    sum += each.share;
    if (!seen.insert(each.version).second) return bad("names version " + each.version + " twice");
  }
  if (sum != kWholeShare) return bad("gives out shares that do not add up to 100 percent");
  if (auto error =
          failure(db_->execute("INSERT INTO deployments (id, script, created, source, author, strategy, annotations) "
                               "VALUES (?, ?, ?, ?, ?, 'percentage', ?)",
                               id, script, nowMs(), deployment.source, deployment.author, deployment.annotations))) {
    return *error;
  }
  const int64_t number = db_->lastInsertId();
  for (size_t i = 0; i < deployment.versions.size(); ++i) {
    auto added =
        db_->execute("INSERT INTO deployment_versions SELECT ?, ?, number, ? FROM versions WHERE id = ? AND script = ?",
                     number, i, deployment.versions[i].share, deployment.versions[i].version, script);
    if (auto error = failure(added)) return *error;
    if (*added == 0) return noVersion(deployment.versions[i].version);
  }
  return base::Nothing{};
}

Result<Deployment> SqliteCatalog::deploy(std::string_view account, std::string_view script,
                                         const NewDeployment& deployment) {
  return change([&]() -> Result<Deployment> {
    auto row = scriptRow(account, script);
    if (!row.ok()) return row.error();
    const std::string id = newUuid();
    if (auto error = failure(deployRow(*row, id, deployment))) return *error;
    if (auto error = failure(prune(*row))) return *error;
    if (auto error = failure(note(ChangeKind::kScript, scriptKey(account, script)))) return *error;
    Detail shares;
    for (const auto& each : deployment.versions) shares.number(each.version, each.share);
    if (auto error = failure(record({"deploy", "script", script, account,
                                     Detail().text("deployment", id).raw("shares", shares.done()).done()}))) {
      return *error;
    }
    return Deployment{
        id, nowMs(), deployment.source, deployment.author, "percentage", deployment.annotations, deployment.versions};
  });
}

Result<std::vector<Deployment>> SqliteCatalog::deployments(std::string_view account, std::string_view script) {
  auto owner = scriptRow(account, script);
  if (!owner.ok()) return owner.error();
  std::vector<Deployment> out;
  auto row = db_->query(
      "SELECT d.id, d.created, d.source, d.author, d.strategy, d.annotations, v.id, dv.share FROM deployments d "
      "JOIN deployment_versions dv ON dv.deployment = d.number JOIN versions v ON v.number = dv.version "
      "WHERE d.script = ? ORDER BY d.number DESC, dv.position",
      *owner);
  while (row.next()) {
    if (out.empty() || out.back().id != row.text(0)) {
      out.push_back({std::string(row.text(0)),
                     row.integer(1),
                     std::string(row.text(2)),
                     std::string(row.text(3)),
                     std::string(row.text(4)),
                     std::string(row.text(5)),
                     {}});
    }
    out.back().versions.push_back({std::string(row.text(6)), static_cast<uint32_t>(row.integer(7))});
  }
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
