// Versions of SqliteCatalog, with what belongs to them: modules, secrets, artifacts, aliases.
#include <numeric>

#include "catalog/hostname.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

namespace {

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

Status checkVersion(const NewVersion& version, const PlanLimits& limits) {
  if (!isScriptName(version.script)) {
    return Error{Situation::kBadScriptName,
                 "script " + version.script +
                     ": a name starts with a letter and has only lower-case letters, digits and dashes, at most 63"};
  }
  const uint64_t bytes =
      std::accumulate(version.modules.begin(), version.modules.end(), uint64_t{0},
                      [](uint64_t sum, const Module& module) { return sum + module.content.size(); });
  if (bytes > limits.bundleBytes) {
    return Error{Situation::kTooLarge, "the modules have " + std::to_string(bytes) +
                                           " bytes together; the account may use " +
                                           std::to_string(limits.bundleBytes)};
  }
  return base::Nothing{};
}

Detail detailOf(const NewVersion& version, const std::string& id, bool deployed) {
  std::vector<std::string> secrets;
  for (const auto& secret : version.secrets) secrets.push_back(secret.name);
  Detail detail;
  detail.text("version", id)
      .text("etag", version.etag)
      .text("source", version.source)
      .boolean("deployed", deployed)
      .raw("secrets", jsonList(secrets));
  return detail;
}

}  // namespace

bool isAlias(std::string_view name) {
  if (name.empty() || name.size() > 61 || name[0] < 'a' || name[0] > 'z' || name.back() == '-') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
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

// A script's row, made where there is none yet.
Result<int64_t> SqliteCatalog::scriptRowFor(const NewVersion& version, const Account& account) {
  auto script = scriptRow(account.id, version.script);
  if (script.ok() || script.error().situation != Situation::kScriptNotFound) return script;
  const uint64_t most = account.limits().scripts;
  auto count = db_->query("SELECT count(*) FROM scripts WHERE account = ?", account.id);
  if (!count.next()) return *failure(count);
  if (static_cast<uint64_t>(count.integer(0)) >= most) {
    return Error{Situation::kTooManyScripts, "the account has " + std::to_string(most) +
                                                 " scripts, which is all it may have: delete one that is not needed"};
  }
  if (auto error = failure(db_->execute("INSERT INTO scripts (account, name, created, modified) VALUES (?, ?, ?, ?)",
                                        account.id, version.script, nowMs(), nowMs()))) {
    return *error;
  }
  return db_->lastInsertId();
}

// The version's own row, the next one of its script; yields its number.
Result<int64_t> SqliteCatalog::insertVersion(int64_t script, const std::string& id, const NewVersion& version) {
  int64_t sequence = 0;
  std::string newest;
  auto row = db_->query("SELECT sequence, id FROM versions WHERE script = ? ORDER BY sequence DESC LIMIT 1", script);
  if (row.next()) {
    sequence = row.integer(0);
    newest = row.text(1);
  }
  if (auto error = failure(row)) return *error;
  if (version.expectedNewest && *version.expectedNewest != newest) {
    return Error{Situation::kConcurrentChange,
                 "script " + version.script + " was uploaded by somebody else meanwhile: try again"};
  }
  if (auto error = failure(db_->execute(
          "INSERT INTO versions (id, script, sequence, created, source, author, annotations, syntax, compatibility_date, "
          "compatibility_flags, bindings, limits, etag, start_kind, start_reason, startup_ms, handlers) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          id, script, sequence + 1, nowMs(), version.source, version.author, version.annotations, version.syntax,
          version.compatibilityDate, version.compatibilityFlags, version.bindings, version.limits, version.etag,
          version.check.kind, version.check.reason, version.check.startupMs, version.check.handlers))) {
    return *error;
  }
  return db_->lastInsertId();
}

Status SqliteCatalog::insertModules(int64_t version, const std::vector<Module>& modules) {
  for (size_t i = 0; i < modules.size(); ++i) {
    auto blob = storeBlob(modules[i].content);
    if (!blob.ok()) return blob.error();
    if (auto error = failure(db_->execute("INSERT INTO version_modules VALUES (?, ?, ?, ?, ?, ?)", version, i,
                                          modules[i].name, modules[i].kind, modules[i].contentType, *blob))) {
      return *error;
    }
  }
  return base::Nothing{};
}

Status SqliteCatalog::insertSecrets(int64_t version, const std::vector<SealedSecret>& secrets) {
  auto key = secretKey();
  if (!key.ok()) return key.error();
  for (const auto& secret : secrets) {
    if (*key && **key != secret.key) {
      return Error{Situation::kConcurrentChange, "the key of secrets was changed meanwhile: try again"};
    }
    if (auto error = failure(db_->execute("INSERT INTO version_secrets VALUES (?, ?, ?, ?)", version, secret.name,
                                          secret.key, secret.sealed))) {
      return *error;
    }
  }
  return base::Nothing{};
}

Status SqliteCatalog::insertArtifacts(int64_t version, const NewVersion& of) {
  for (const auto& [kind, content] :
       {std::pair{Artifact::kHeapSnapshot, &of.heapSnapshot}, {Artifact::kCodeCache, &of.codeCache}}) {
    if (content->empty()) continue;
    auto blob = storeBlob(*content);
    if (!blob.ok()) return blob.error();
    if (auto error = failure(db_->execute("INSERT INTO version_artifacts VALUES (?, ?, ?)", version, kind, *blob)))
      return *error;
  }
  return base::Nothing{};
}

Result<Version> SqliteCatalog::addVersion(const NewVersion& version, const std::optional<NewDeployment>& deployment) {
  return change([&]() -> Result<Version> {
    auto account = findAccount(version.account);
    if (!account.ok()) return account.error();
    if (auto error = failure(checkVersion(version, account->limits()))) return *error;
    auto script = scriptRowFor(version, *account);
    if (!script.ok()) return script.error();
    const std::string id = newUuid(random_);
    auto number = insertVersion(*script, id, version);
    if (!number.ok()) return number.error();
    if (auto error = failure(insertModules(*number, version.modules))) return *error;
    if (auto error = failure(insertSecrets(*number, version.secrets))) return *error;
    if (auto error = failure(insertArtifacts(*number, version))) return *error;
    if (version.assets) {
      if (auto error = failure(db_->execute("INSERT INTO version_assets VALUES (?, ?, ?)", *number, version.assets->set,
                                            version.assets->config))) {
        return *error;
      }
    }
    if (auto error =
            failure(db_->execute("UPDATE scripts SET modified = ?, settings = coalesce(?, settings) WHERE id = ?",
                                 nowMs(), version.settings, *script)))
      return *error;
    if (deployment) {
      NewDeployment only = *deployment;
      only.versions = {{id, kWholeShare}};
      if (auto error = failure(deployRow(*script, newUuid(random_), only))) return *error;
    }
    if (!version.alias.empty()) {
      if (auto error = failure(setAlias(*script, *number, version.alias))) return *error;
    }
    if (auto error = failure(prune(*script))) return *error;
    if (auto error = failure(note(ChangeKind::kScript, scriptKey(account->id, version.script)))) return *error;
    const Detail detail = detailOf(version, id, deployment.has_value());
    if (auto error = failure(record({"upload", "script", version.script, account->id, detail.done()}))) return *error;
    return findVersion(account->id, version.script, id);
  });
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

}  // namespace weir::catalog
