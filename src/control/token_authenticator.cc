#include "control/token_authenticator.h"

namespace weir::control {

namespace {

std::string_view tokenIn(const http::RequestHead& head) {
  constexpr std::string_view kScheme = "Bearer ";
  // Where a client has both, it means the key.
  if (const auto key = head.headers.find("x-auth-key")) return *key;
  const auto field = head.headers.find("authorization");
  if (field && field->size() > kScheme.size() && http::equalsIgnoreCase(field->substr(0, kScheme.size()), kScheme))
    return field->substr(kScheme.size());
  return {};
}

}  // namespace

base::Result<Principal, ApiError> TokenAuthenticator::authenticate(catalog::Catalog& catalog,
                                                                   const http::RequestHead& head,
                                                                   std::string_view remoteIp) {
  const auto text = tokenIn(head);
  if (text.empty()) return authenticationFailed();
  auto found = catalog.findToken(catalog::tokenHash(text));
  if (!found.ok()) return apiError(found.error());
  if (!*found) return authenticationFailed();
  const catalog::Token& token = **found;
  const auto nowMs = static_cast<catalog::UnixMs>(clock_.wallMs());
  if (token.expired(nowMs)) return authenticationFailed();
  constexpr catalog::UnixMs kNoteEveryMs = 60'000;
  if (!token.usedMs || nowMs - *token.usedMs >= kNoteEveryMs) (void)catalog.noteTokenUse(token.id, remoteIp);
  Principal principal;
  principal.id = token.id;
  principal.name = token.name;
  principal.everyAccount = !token.scope.account;
  if (token.scope.account) principal.accounts = {*token.scope.account};
  principal.mayWrite = token.scope.access == catalog::TokenAccess::kWrite;
  principal.scripts = token.scope.scripts;
  // People are not known here, only tokens: their name stands where clients show an author.
  principal.email = head.headers.find("x-auth-email").value_or(token.name + "@localhost");
  return principal;
}

}  // namespace weir::control
