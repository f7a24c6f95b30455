// API tokens of SqliteCatalog.
#include <algorithm>
#include <boost/json.hpp>

#include "catalog/hostname.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

namespace {

Token tokenOf(const store::Statement& row) {
  Token token;
  token.id = row.text(0);
  token.name = row.text(1);
  if (!row.isNull(2)) token.scope.account = row.text(2);
  token.scope.access = row.integer(3) == 1 ? TokenAccess::kWrite : TokenAccess::kRead;
  if (!row.isNull(4)) {
    // A list that cannot be read allows nothing.
    token.scope.scripts = {""};
    boost::system::error_code error;
    const auto list = boost::json::parse(row.text(4), error);
    if (!error && list.is_array()) {
      std::vector<std::string> scripts;
      for (const auto& each : list.get_array()) {
        if (each.is_string()) scripts.emplace_back(each.get_string());
      }
      if (!scripts.empty()) token.scope.scripts = std::move(scripts);
    }
  }
  token.createdMs = row.integer(5);
  if (!row.isNull(6)) token.expiresMs = row.integer(6);
  if (!row.isNull(7)) token.usedMs = row.integer(7);
  token.usedFrom = row.text(8);
  return token;
}

std::optional<std::string> scriptsText(const TokenScope& scope) {
  if (scope.scripts.empty()) return std::nullopt;
  return jsonList(scope.scripts);
}

std::string detailOf(const NewToken& token, std::string_view id) {
  Detail detail;
  detail.text("id", id).text("access", token.scope.access == TokenAccess::kWrite ? "write" : "read");
  if (!token.scope.scripts.empty()) detail.raw("scripts", jsonList(token.scope.scripts));
  if (token.expiresMs) detail.raw("expires_ms", std::to_string(*token.expiresMs));
  return detail.done();
}

Error noToken(std::string_view idOrName) {
  return {Situation::kTokenNotFound,
          "token " + shown(idOrName) + ": there is none of this name or id; see weir token list"};
}

Error bad(const std::string& what) { return {Situation::kBadToken, what}; }

Status check(const NewToken& token, UnixMs nowMs) {
  bool printable = !token.name.empty() && token.name.size() <= kTokenNameBytesMax && token.name.front() != ' ' &&
                   token.name.back() != ' ' && base::wellFormedUtf8(token.name) == token.name;
  for (const char c : token.name) printable = printable && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  if (!printable) return bad("a token's name has 1 to 120 bytes, no control character, and no space at its ends");
  if (token.scope.scripts.size() > kTokenScriptsMax)
    return bad("a token may name " + std::to_string(kTokenScriptsMax) + " scripts; leave them out for all");
  if (!token.scope.scripts.empty() && !token.scope.account)
    return bad("a token for some scripts is one of their account: name it");
  for (const auto& script : token.scope.scripts) {
    if (!isScriptName(script)) return bad("script " + shown(script) + ": no script can have this name");
  }
  if (token.expiresMs && *token.expiresMs <= nowMs) return bad("a token that has expired already is of no use");
  return base::Nothing{};
}

}  // namespace

Result<Token> SqliteCatalog::addToken(const NewToken& token) {
  return change([&]() -> Result<Token> {
    if (auto error = failure(check(token, nowMs()))) return *error;
    std::string account;
    if (token.scope.account) {
      auto found = findAccount(*token.scope.account);
      if (!found.ok()) return found.error();
      account = found->id;
    }
    auto others = db_->query(
        "SELECT count(*), count(CASE WHEN name = ?2 THEN 1 END) FROM tokens WHERE coalesce(account, '') = ?1", account,
        token.name);
    if (!others.next()) return *failure(others);
    if (others.integer(1) > 0)
      return Error{Situation::kTokenExists, "token " + token.name + ": there is one of this name; choose another"};
    if (others.integer(0) >= static_cast<int64_t>(kTokensPerAccountMax)) {
      return Error{Situation::kTooManyTokens, "there are " + std::to_string(kTokensPerAccountMax) +
                                                  " tokens, which is all there may be: revoke one that is not needed"};
    }
    const std::string id = newId(random_);
    auto stored = db_->execute(
        "INSERT INTO tokens (id, hash, name, account, access, scripts, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        id, store::BlobView(token.hash), token.name,
        token.scope.account ? std::optional<std::string_view>(account) : std::nullopt, token.scope.access,
        scriptsText(token.scope), nowMs(), token.expiresMs);
    if (!stored.ok() && stored.error().problem == store::Problem::kExists)
      return Error{Situation::kTokenExists, "token " + token.name + ": its text is another token's; make a new one"};
    if (auto error = failure(stored)) return *error;
    if (auto error = failure(record({"create", "token", token.name,
                                     token.scope.account ? std::optional<std::string_view>(account) : std::nullopt,
                                     detailOf(token, id)}))) {
      return *error;
    }
    return findToken(id);
  });
}

Result<std::vector<Token>> SqliteCatalog::tokens(std::optional<std::string_view> account) {
  std::vector<Token> out;
  auto row = db_->query(
      "SELECT id, name, account, access, scripts, created, expires, used, used_from FROM tokens "
      "WHERE ?1 IS NULL OR account = ?1 ORDER BY created, name",
      account);
  while (row.next()) out.push_back(tokenOf(row));
  if (auto error = failure(row)) return *error;
  return out;
}

Result<std::optional<Token>> SqliteCatalog::findToken(const TokenHash& hash) {
  // The index is searched in a time that may depend on the hash, never on the text that it is of.
  auto row = db_->query(
      "SELECT id, name, account, access, scripts, created, expires, used, used_from, hash FROM tokens WHERE hash = ?",
      store::BlobView(hash));
  if (!row.next()) {
    if (auto error = failure(row)) return *error;
    return std::optional<Token>();
  }
  TokenHash stored{};
  const store::BlobView bytes = row.blob(9);
  if (bytes.size() != stored.size()) return std::optional<Token>();
  std::copy(bytes.begin(), bytes.end(), stored.begin());
  if (!sameHash(stored, hash)) return std::optional<Token>();
  return std::optional<Token>(tokenOf(row));
}

Result<Token> SqliteCatalog::findToken(std::string_view idOrName) {
  auto row = db_->query(
      "SELECT id, name, account, access, scripts, created, expires, used, used_from FROM tokens "
      "WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC LIMIT 2",
      idOrName);
  if (!row.next()) {
    if (auto error = failure(row)) return *error;
    return noToken(idOrName);
  }
  Token token = tokenOf(row);
  if (token.id != idOrName && row.next()) {
    return Error{
        Situation::kTokenNotFound,
        "token " + shown(idOrName) + ": several accounts have one of this name; say its id, see weir token list"};
  }
  if (auto error = failure(row)) return *error;
  return token;
}

Result<Token> SqliteCatalog::rollToken(std::string_view id, const TokenHash& hash) {
  return change([&]() -> Result<Token> {
    auto token = findToken(id);
    if (!token.ok()) return token;
    auto stored = db_->execute("UPDATE tokens SET hash = ?, used = NULL, used_from = '' WHERE id = ?",
                               store::BlobView(hash), token->id);
    if (!stored.ok() && stored.error().problem == store::Problem::kExists)
      return Error{Situation::kTokenExists, "token " + token->name + ": its text is another token's; make a new one"};
    if (auto error = failure(stored)) return *error;
    if (auto error = failure(
            record({"roll", "token", token->name, token->scope.account, Detail().text("id", token->id).done()}))) {
      return *error;
    }
    return findToken(token->id);
  });
}

Status SqliteCatalog::removeToken(std::string_view id) {
  return change([&]() -> Status {
    auto token = findToken(id);
    if (!token.ok()) return token.error();
    if (auto error = failure(db_->execute("DELETE FROM tokens WHERE id = ?", token->id))) return *error;
    return record({"revoke", "token", token->name, token->scope.account, Detail().text("id", token->id).done()});
  });
}

Status SqliteCatalog::noteTokenUse(std::string_view id, std::string_view from) {
  if (auto error = failure(db_->execute("UPDATE tokens SET used = ?, used_from = ? WHERE id = ?", nowMs(), from, id)))
    return *error;
  return base::Nothing{};
}

}  // namespace weir::catalog
