#include "control/token_authenticator.h"

namespace weir::control {

namespace {

constexpr std::chrono::hours kKnownFor{1};
constexpr catalog::UnixMs kNoteEveryMs = 60'000;
constexpr size_t kKnownMax = 4'096;
constexpr size_t kTextBytesMax = 1'024;

struct Credential {
  std::string_view text;
  const char* problem = nullptr;  // set: there is none that could be looked at
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Credential credentialOf(const http::HeaderList& headers) {
  for (const char* name : {"authorization", "x-auth-key", "x-auth-email"}) {
    if (headers.count(name) > 1) return {{}, "a header that authenticates is there twice"};
  }
  if (const auto key = headers.find("x-auth-key")) {
    if (!headers.find("x-auth-email")) return {{}, "X-Auth-Key needs X-Auth-Email beside it"};
    return {trimmed(*key)};
  }
  const auto authorization = headers.find("authorization");
  if (!authorization) return {{}, "an Authorization header with a bearer token is missing"};
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view value = trimmed(*authorization);
  if (!http::equalsIgnoreCase(value.substr(0, kScheme.size()), kScheme))
    return {{}, "the Authorization header has to be of the form: Bearer TOKEN"};
  return {trimmed(value.substr(kScheme.size()))};
}

Principal principalOf(const catalog::Token& token) {
  Principal principal;
  principal.id = token.id;
  principal.name = token.name;
  principal.email = token.name;
  principal.everyAccount = !token.scope.account;
  if (token.scope.account) principal.accounts = {*token.scope.account};
  principal.mayWrite = token.scope.access == catalog::TokenAccess::kWrite;
  principal.scripts = token.scope.scripts;
  return principal;
}

}  // namespace

bool TokenAuthenticator::isKnown(const std::string& hash, base::Instant now) {
  const auto found = known_.find(hash);
  if (found == known_.end()) return false;
  if (now - found->second <= kKnownFor) return true;
  known_.erase(found);
  return false;
}

void TokenAuthenticator::learn(const std::string& hash, base::Instant now) {
  if (known_.size() >= kKnownMax && !known_.contains(hash)) known_.clear();
  known_[hash] = now;
}

base::Result<Principal, ApiError> TokenAuthenticator::authenticate(catalog::Catalog& catalog,
                                                                   const http::RequestHead& head,
                                                                   std::string_view remoteIp) {
  const Credential credential = credentialOf(head.headers);
  if (credential.problem != nullptr) return ApiError{400, 9106, std::string(credential.problem) + ".", {}};
  const catalog::TokenHash hash = catalog::tokenHash(credential.text.substr(0, kTextBytesMax + 1));
  const std::string key(reinterpret_cast<const char*>(hash.data()), hash.size());
  const base::Instant now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    const auto wait = failed_.waitOf(remoteIp, now);
    if (wait.count() > 0 && !isKnown(key, now)) {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
      ApiError slowed{429,
                      10000,
                      "Too many failed attempts to authenticate from your address. Wait " + std::to_string(seconds) +
                          " seconds, then try again with a valid token.",
                      {}};
      slowed.retryAfterSeconds = static_cast<uint32_t>(seconds);
      return slowed;
    }
  }
  std::optional<catalog::Token> token;
  if (!credential.text.empty() && credential.text.size() <= kTextBytesMax) {
    auto found = catalog.findToken(hash);
    if (!found.ok()) return apiError(found.error());
    token = std::move(found).value();
  }
  const auto nowMs = static_cast<catalog::UnixMs>(clock_.wallMs());
  {
    const std::lock_guard lock(mutex_);
    if (!token || token->expired(nowMs)) {
      known_.erase(key);
      failed_.add(remoteIp, now);
      return authenticationFailed();
    }
    learn(key, now);
  }
  // When a token was last used is known to a minute.
  if (!token->usedMs || nowMs - *token->usedMs >= kNoteEveryMs) (void)catalog.noteTokenUse(token->id, remoteIp);
  return principalOf(*token);
}

}  // namespace weir::control
