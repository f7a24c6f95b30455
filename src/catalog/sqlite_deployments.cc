// Deployments of SqliteCatalog.
#include <set>

#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

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
    const std::string id = newUuid(random_);
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

}  // namespace weir::catalog
