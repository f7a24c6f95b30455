#include "catalog/sqlite_assets.h"

#include <algorithm>

#include "base/check.h"
#include "base/hex.h"
#include "catalog/plan.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

namespace {

constexpr UnixMs kGraceMs = std::chrono::duration_cast<std::chrono::milliseconds>(kAssetGrace).count();
// What was seen more recently is not written down again: a deploy that changes nothing costs no write per file.
constexpr UnixMs kSeenStepMs = 30 * 60 * 1000;
constexpr size_t kCollectedAtOnce = 500;

store::BlobView viewOf(const AssetHash& hash) { return std::as_bytes(std::span(hash)); }

Bytes bytesOf(store::BlobView view) { return {view.begin(), view.end()}; }

Error noSession() {
  return {Situation::kAssetSessionNotFound, "there is no such upload session, or it has expired: deploy again"};
}

Error badAsset(const AssetHash& hash, const std::string& why) {
  return {Situation::kBadAsset, "asset " + base::hexOf(hash) + " " + why};
}

uint64_t pieceId(uint64_t content, uint64_t number) { return content * kAssetPiecesMax + number; }

}  // namespace

template <class Work>
auto SqliteAssets::change(Work&& work) -> decltype(work()) {
  auto transaction = store::Transaction::begin(db_);
  if (!transaction.ok()) return failed(transaction.error());
  auto result = work();
  if (!result.ok()) return result;
  if (auto error = failure(transaction->commit())) return *error;
  return result;
}

Result<AssetStore::Opened> SqliteAssets::openSession(const NewAssetSession& session) {
  return change([&]() -> Result<Opened> {
    Opened opened;
    opened.id = newId(random_);
    if (auto error = failure(db_.execute("DELETE FROM asset_sessions WHERE expires <= ?", nowMs()))) return *error;
    if (auto error = failure(db_.execute(
            "DELETE FROM asset_sessions WHERE number IN (SELECT number FROM asset_sessions WHERE account = ? "
            "ORDER BY number DESC LIMIT -1 OFFSET ?)",
            session.account, kAssetSessionsMax - 1))) {
      return *error;
    }
    const Actor& actor = trail_.actor();
    if (auto error = failure(db_.execute(
            "INSERT INTO asset_sessions (id, account, script, key, manifest, expires, actor_kind, actor, actor_name, via) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            opened.id, session.account, session.script, session.key, session.manifest, session.expiresMs, actor.kind,
            actor.id, actor.name, actor.via))) {
      return *error;
    }
    if (auto error = failure(askFor(db_.lastInsertId(), session, opened.missing))) return *error;
    if (auto error = failure(trail_.record({"create", "assets", session.script, session.account,
                                            Detail()
                                                .text("session", opened.id)
                                                .number("files", session.files.size())
                                                .number("missing", opened.missing.size())
                                                .done()}))) {
      return *error;
    }
    return opened;
  });
}

// Finds out which files the account has not uploaded before, and keeps in mind that they are to come.
Status SqliteAssets::askFor(int64_t session, const NewAssetSession& wanted, std::vector<NamedAsset>& missing) {
  const UnixMs now = nowMs();
  uint64_t missingBytes = 0;
  for (const auto& file : wanted.files) {
    auto row = db_.query(
        "SELECT n.seen, c.size FROM asset_names n JOIN asset_contents c ON c.id = n.content "
        "WHERE n.account = ? AND n.hash = ?",
        wanted.account, viewOf(file.hash));
    if (row.next()) {
      if (static_cast<uint64_t>(row.integer(1)) != file.size)
        return badAsset(file.hash, "has another size than what was uploaded under this hash");
      if (row.integer(0) > now - kSeenStepMs) continue;
      if (auto error = failure(db_.execute("UPDATE asset_names SET seen = ? WHERE account = ? AND hash = ?", now,
                                           wanted.account, viewOf(file.hash)))) {
        return *error;
      }
      continue;
    }
    if (auto error = failure(row)) return *error;
    missing.push_back(file);
    missingBytes += file.size;
    if (auto error = failure(
            db_.execute("INSERT INTO asset_session_missing VALUES (?, ?, ?)", session, viewOf(file.hash), file.size))) {
      return *error;
    }
  }
  return missingBytes == 0 ? Status(base::Nothing{}) : mayKeep(wanted.account, missingBytes);
}

Status SqliteAssets::mayKeep(const std::string& account, uint64_t bytesMore) {
  auto limits = db_.query("SELECT plan FROM accounts WHERE id = ?", account);
  if (!limits.next()) {
    if (auto error = failure(limits)) return *error;
    return Error{Situation::kAccountNotFound, "account " + account + ": there is none"};
  }
  std::vector<LimitOverride> overrides;
  auto each = db_.query("SELECT name, value FROM account_limits WHERE account = ?", account);
  while (each.next()) overrides.push_back({std::string(each.text(0)), static_cast<uint64_t>(each.integer(1))});
  if (auto error = failure(each)) return *error;
  const PlanLimits plan = resolveLimits(static_cast<Plan>(limits.integer(0)), overrides);
  auto used = db_.query(
      "SELECT coalesce(sum(size), 0) FROM asset_contents WHERE id IN (SELECT content FROM asset_names WHERE account = ?)",
      account);
  if (!used.next()) return *failure(used);
  const uint64_t bytes = static_cast<uint64_t>(used.integer(0)) + bytesMore;
  if (bytes > plan.assetBytes) {
    return Error{Situation::kTooLarge, "the account's static assets would have " + std::to_string(bytes) +
                                           " bytes together; it may keep " + std::to_string(plan.assetBytes) +
                                           ": delete scripts that are not needed, and wait some hours"};
  }
  return base::Nothing{};
}

Result<AssetSession> SqliteAssets::findSession(std::string_view id) {
  auto row = db_.query(
      "SELECT id, account, script, manifest, key, expires, "
      "NOT EXISTS (SELECT 1 FROM asset_session_missing WHERE session = number), actor_kind, actor, actor_name, via "
      "FROM asset_sessions WHERE id = ?",
      id);
  if (!row.next()) {
    if (auto error = failure(row)) return *error;
    return noSession();
  }
  AssetSession session;
  session.id = row.text(0);
  session.account = row.text(1);
  session.script = row.text(2);
  session.manifest = bytesOf(row.blob(3));
  session.key = bytesOf(row.blob(4));
  session.expiresMs = row.integer(5);
  session.complete = row.integer(6) != 0;
  session.openedBy = {
      actorKindOf(row.integer(7)), std::string(row.text(8)), std::string(row.text(9)), std::string(row.text(10)), {}};
  if (session.expiresMs <= nowMs()) return noSession();
  return session;
}

Result<uint64_t> SqliteAssets::storeContent(store::BlobView content) {
  const auto hash = sha256(content);
  auto row = db_.query("SELECT id FROM asset_contents WHERE hash = ?", hash);
  if (row.next()) return static_cast<uint64_t>(row.integer(0));
  if (auto error = failure(row)) return *error;
  if (auto error = failure(db_.execute("INSERT INTO asset_contents (hash, size) VALUES (?, ?)", hash, content.size())))
    return *error;
  const auto id = static_cast<uint64_t>(db_.lastInsertId());
  CHECK(content.size() <= kAssetPieceBytes * kAssetPiecesMax);
  for (uint64_t number = 0; number * kAssetPieceBytes < content.size(); ++number) {
    const size_t from = number * kAssetPieceBytes;
    if (auto error = failure(db_.execute("INSERT INTO asset_pieces VALUES (?, ?)", pieceId(id, number),
                                         content.subspan(from, std::min(kAssetPieceBytes, content.size() - from))))) {
      return *error;
    }
  }
  return id;
}

Result<bool> SqliteAssets::addAssets(std::string_view session, const std::vector<UploadedAsset>& assets) {
  return change([&]() -> Result<bool> {
    auto owner =
        db_.query("SELECT number, account, script FROM asset_sessions WHERE id = ? AND expires > ?", session, nowMs());
    if (!owner.next()) {
      if (auto error = failure(owner)) return *error;
      return noSession();
    }
    const int64_t number = owner.integer(0);
    const std::string account(owner.text(1));
    const std::string script(owner.text(2));
    uint64_t files = 0;
    uint64_t bytes = 0;
    for (const auto& asset : assets) {
      auto missing = db_.query("SELECT size FROM asset_session_missing WHERE session = ? AND hash = ?", number,
                               viewOf(asset.hash));
      if (!missing.next()) {
        if (auto error = failure(missing)) return *error;
        // Sent twice, because an answer was lost; or not asked for at all.
        auto known = db_.query("SELECT 1 FROM asset_names WHERE account = ? AND hash = ?", account, viewOf(asset.hash));
        if (known.next()) continue;
        if (auto error = failure(known)) return *error;
        return badAsset(asset.hash, "is not in the manifest of this upload session");
      }
      if (static_cast<uint64_t>(missing.integer(0)) != asset.content.size()) {
        return badAsset(asset.hash, "has " + std::to_string(asset.content.size()) + " bytes; the manifest says " +
                                        std::to_string(missing.integer(0)));
      }
      auto content = storeContent(asset.content);
      if (!content.ok()) return content.error();
      if (auto error = failure(db_.execute("INSERT INTO asset_names VALUES (?1, ?2, ?3, ?4, ?5) "
                                           "ON CONFLICT DO UPDATE SET content = ?3, type = ?4, seen = ?5",
                                           account, viewOf(asset.hash), *content, asset.type, nowMs()))) {
        return *error;
      }
      if (auto error = failure(db_.execute("DELETE FROM asset_session_missing WHERE session = ? AND hash = ?", number,
                                           viewOf(asset.hash)))) {
        return *error;
      }
      ++files;
      bytes += asset.content.size();
    }
    auto left = db_.query("SELECT EXISTS (SELECT 1 FROM asset_session_missing WHERE session = ?)", number);
    if (!left.next()) return *failure(left);
    const bool complete = left.integer(0) == 0;
    if (files == 0) return complete;
    if (auto error = failure(trail_.record({"upload", "assets", script, account,
                                            Detail()
                                                .text("session", session)
                                                .number("files", files)
                                                .number("bytes", bytes)
                                                .boolean("complete", complete)
                                                .done()}))) {
      return *error;
    }
    return complete;
  });
}

Result<std::vector<StoredAsset>> SqliteAssets::findAssets(std::string_view account,
                                                          const std::vector<AssetHash>& hashes) {
  std::vector<StoredAsset> out;
  out.reserve(hashes.size());
  for (const auto& hash : hashes) {
    auto row = db_.query(
        "SELECT n.content, c.size, n.type FROM asset_names n JOIN asset_contents c ON c.id = n.content "
        "WHERE n.account = ? AND n.hash = ?",
        account, viewOf(hash));
    if (!row.next()) {
      if (auto error = failure(row)) return *error;
      return badAsset(hash, "was not uploaded");
    }
    out.push_back(
        {hash, static_cast<uint64_t>(row.integer(0)), static_cast<uint64_t>(row.integer(1)), std::string(row.text(2))});
  }
  return out;
}

Result<uint64_t> SqliteAssets::addSet(const Bytes& files, const std::vector<uint64_t>& contents) {
  return change([&]() -> Result<uint64_t> {
    const auto hash = sha256(files);
    auto row = db_.query("SELECT number FROM asset_sets WHERE hash = ?", hash);
    if (row.next()) {
      const int64_t number = row.integer(0);
      if (auto error = failure(db_.execute("UPDATE asset_sets SET seen = ? WHERE number = ?", nowMs(), number)))
        return *error;
      return static_cast<uint64_t>(number);
    }
    if (auto error = failure(row)) return *error;
    if (auto error =
            failure(db_.execute("INSERT INTO asset_sets (hash, files, seen) VALUES (?, ?, ?)", hash, files, nowMs()))) {
      return *error;
    }
    const int64_t number = db_.lastInsertId();
    for (const uint64_t content : contents) {
      if (auto error = failure(db_.execute("INSERT OR IGNORE INTO asset_set_contents VALUES (?, ?)", number, content)))
        return *error;
    }
    return static_cast<uint64_t>(number);
  });
}

Result<Bytes> SqliteAssets::set(uint64_t number) {
  auto row = db_.query("SELECT files FROM asset_sets WHERE number = ?", number);
  if (row.next()) return bytesOf(row.blob(0));
  if (auto error = failure(row)) return *error;
  return Error{Situation::kBadAsset, "asset set " + std::to_string(number) + " is not there"};
}

Result<std::optional<VersionAssets>> SqliteAssets::assetsOf(uint64_t version) {
  auto row = db_.query("SELECT asset_set, config FROM version_assets WHERE version = ?", version);
  if (row.next()) {
    return std::optional<VersionAssets>(VersionAssets{static_cast<uint64_t>(row.integer(0)), std::string(row.text(1))});
  }
  if (auto error = failure(row)) return *error;
  return std::optional<VersionAssets>();
}

Result<Bytes> SqliteAssets::piece(uint64_t content, uint32_t number) {
  CHECK(number < kAssetPiecesMax);
  auto row = db_.query("SELECT bytes FROM asset_pieces WHERE id = ?", pieceId(content, number));
  if (row.next()) return bytesOf(row.blob(0));
  if (auto error = failure(row)) return *error;
  return Error{Situation::kBadAsset, "asset content " + std::to_string(content) + " is not there"};
}

// Sets that no version names, then names of contents that no set has, then contents that neither name: in this order,
// so that one round frees what the one before made free. A few at a time, so that writers wait for milliseconds.
Result<bool> SqliteAssets::collect() {
  return change([&]() -> Result<bool> {
    const UnixMs before = nowMs() - kGraceMs;
    auto sessions = db_.execute("DELETE FROM asset_sessions WHERE expires <= ?", nowMs());
    if (auto error = failure(sessions)) return *error;
    auto sets = db_.execute(
        "DELETE FROM asset_sets WHERE number IN (SELECT number FROM asset_sets WHERE seen <= ? AND NOT EXISTS "
        "(SELECT 1 FROM version_assets WHERE asset_set = number) LIMIT 4)",
        before);
    if (auto error = failure(sets)) return *error;
    if (*sets > 0) return true;
    auto names = db_.execute(
        "DELETE FROM asset_names WHERE (account, hash) IN (SELECT account, hash FROM asset_names n WHERE seen <= ? AND "
        "NOT EXISTS (SELECT 1 FROM asset_set_contents s WHERE s.content = n.content) LIMIT ?)",
        before, kCollectedAtOnce);
    if (auto error = failure(names)) return *error;
    if (*names > 0) return true;
    std::vector<int64_t> contents;
    auto row = db_.query(
        "SELECT id FROM asset_contents c WHERE NOT EXISTS (SELECT 1 FROM asset_names WHERE content = c.id) AND NOT EXISTS "
        "(SELECT 1 FROM asset_set_contents WHERE content = c.id) LIMIT ?",
        kCollectedAtOnce / 10);
    while (row.next()) contents.push_back(row.integer(0));
    if (auto error = failure(row)) return *error;
    for (const int64_t content : contents) {
      const auto id = static_cast<uint64_t>(content);
      if (auto error = failure(db_.execute("DELETE FROM asset_pieces WHERE id BETWEEN ? AND ?", pieceId(id, 0),
                                           pieceId(id, kAssetPiecesMax - 1)))) {
        return *error;
      }
      if (auto error = failure(db_.execute("DELETE FROM asset_contents WHERE id = ?", content))) return *error;
    }
    return !contents.empty();
  });
}

Result<AssetStore::Figures> SqliteAssets::figures() {
  auto row = db_.query(
      "SELECT (SELECT count(*) FROM asset_contents), (SELECT coalesce(sum(size), 0) FROM asset_contents), "
      "(SELECT count(*) FROM asset_sets), (SELECT count(*) FROM asset_sessions)");
  if (!row.next()) return *failure(row);
  return Figures{static_cast<uint64_t>(row.integer(0)), static_cast<uint64_t>(row.integer(1)),
                 static_cast<uint64_t>(row.integer(2)), static_cast<uint64_t>(row.integer(3))};
}

}  // namespace weir::catalog
