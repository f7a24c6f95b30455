// What the parts of SqliteCatalog share: transactions and errors. Included by its .cc files only.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/hex.h"
#include "base/json_object.h"
#include "catalog/sqlite_catalog.h"

namespace weir::catalog {

inline Error failed(const store::Error& error) {
  if (error.problem == store::Problem::kBusy) {
    return {Situation::kConcurrentChange, "somebody else is changing the catalog: wait a moment and try again"};
  }
  if (error.problem == store::Problem::kFull) return {Situation::kStoreFailed, error.message + ": free some space"};
  return {Situation::kStoreFailed, error.message};
}

// if (auto error = failure(db_->execute(…))) return *error;
template <class T>
std::optional<Error> failure(const store::Result<T>& result) {
  if (result.ok()) return std::nullopt;
  return failed(result.error());
}

inline std::optional<Error> failure(const store::Statement& row) {
  if (row.ok()) return std::nullopt;
  return failed(row.error());
}

inline std::optional<Error> failure(const Status& status) {
  if (status.ok()) return std::nullopt;
  return status.error();
}

template <class Work>
auto SqliteCatalog::change(Work&& work) -> decltype(work()) {
  auto transaction = store::Transaction::begin(*db_);
  if (!transaction.ok()) return failed(transaction.error());
  trail_->beginChange();
  auto result = work();
  if (!result.ok()) return result;
  CHECK(trail_->hasRecorded());  // no change that the audit log does not know of
  if (auto error = failure(transaction->commit())) return *error;
  ownChange_ = true;
  return result;
}

template <class Work>
auto SqliteCatalog::read(Work&& work) -> decltype(work()) {
  auto transaction = store::Transaction::beginRead(*db_);
  if (!transaction.ok()) return failed(transaction.error());
  return work();
}

// From a row that begins with id, account, name, origin. An origin that cannot be read counts as none.
inline Zone zoneFrom(const store::Statement& row) {
  Zone zone;
  zone.id = row.text(0);
  zone.account = row.text(1);
  zone.name = row.text(2);
  if (!row.isNull(3)) {
    if (auto origin = parseOrigin(row.text(3)); origin.ok()) zone.origin = *origin;
  }
  return zone;
}

// From a row that begins with id, zone, pattern, script, fail_open.
inline Route routeOf(const store::Statement& row) {
  Route route;
  route.id = row.text(0);
  route.zone = row.text(1);
  route.pattern = row.text(2);
  if (!row.isNull(3)) route.script = row.text(3);
  route.failOpen = row.integer(4) != 0;
  return route;
}

// What content is stored under.
inline std::array<std::byte, 32> sha256(store::BlobView content) {
  std::array<std::byte, 32> hash;
  unsigned size = 0;
  CHECK(EVP_Digest(content.data(), content.size(), reinterpret_cast<unsigned char*>(hash.data()), &size, EVP_sha256(),
                   nullptr) == 1);
  return hash;
}

// As it is stored.
inline ActorKind actorKindOf(int64_t number) {
  return number == 1 ? ActorKind::kOperator : number == 2 ? ActorKind::kToken : ActorKind::kPlatform;
}

// 32 hex digits.
inline std::string newId(base::Random& random) {
  std::array<uint8_t, 16> bytes;
  random.fill(std::as_writable_bytes(std::span(bytes)));
  return base::hexOf(bytes);
}

inline std::string newUuid(base::Random& random) {
  std::string id = newId(random);
  id[12] = '4';  // RFC 9562 §5.4
  id[16] = "89ab"[static_cast<size_t>(id[16]) & 3];
  for (const size_t at : {8, 13, 18, 23}) id.insert(at, 1, '-');
  return id;
}

// The names of a detail in the audit log.
using Detail = base::JsonObject;

inline std::string jsonList(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const auto& text : texts) {
    if (list.size() > 1) list += ',';
    base::appendJsonString(list, text);
  }
  return list + "]";
}

inline Error noVersion(std::string_view id) {
  return {Situation::kVersionNotFound,
          "version " + std::string(id) + ": the script has none of this id; list its versions to see which there are"};
}

inline std::string scriptKey(std::string_view account, std::string_view name) {
  return std::string(account).append("/").append(name);
}

}  // namespace weir::catalog
