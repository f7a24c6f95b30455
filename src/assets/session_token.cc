#include "assets/session_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/json.hpp>

#include "assets/base64.h"
#include "base/check.h"
#include "base/json_text.h"

namespace weir::assets {

namespace {

constexpr std::string_view kHead = R"({"alg":"HS256","typ":"JWT"})";
constexpr size_t kTokenBytesMax = 4'096;

using Signature = std::array<std::byte, 32>;

std::span<const std::byte> bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

Signature signatureOf(std::string_view text, TokenKey key) {
  Signature signature;
  unsigned size = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(signature.data()), &size) != nullptr);
  CHECK(size == signature.size());
  return signature;
}

}  // namespace

std::string signToken(const SessionToken& token, TokenKey key) {
  std::string payload = R"({"sid":)";
  base::appendJsonString(payload, token.session);
  payload += R"(,"acc":)";
  base::appendJsonString(payload, token.account);
  payload += token.use == SessionToken::Use::kUpload ? R"(,"use":"upload")" : R"(,"use":"version")";
  payload += R"(,"exp":)" + std::to_string(token.expiresSeconds) + "}";
  std::string text = encodeBase64Url(bytesOf(kHead)) + "." + encodeBase64Url(bytesOf(payload));
  const Signature signature = signatureOf(text, key);
  text.append(".").append(encodeBase64Url(signature));
  return text;
}

std::optional<SessionToken> readUnverified(std::string_view text) {
  if (text.size() > kTokenBytesMax) return std::nullopt;
  const size_t first = text.find('.');
  const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  // Nobody else's algorithm, "none" least of all.
  if (text.substr(0, first) != encodeBase64Url(bytesOf(kHead))) return std::nullopt;
  const auto payload = decodeBase64Url(text.substr(first + 1, second - first - 1), kTokenBytesMax);
  if (!payload) return std::nullopt;
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = 2;
  const auto root =
      boost::json::parse({reinterpret_cast<const char*>(payload->data()), payload->size()}, error, {}, options);
  if (error || !root.is_object()) return std::nullopt;
  const auto& object = root.get_object();
  const auto member = [&](const char* name) { return object.if_contains(name); };
  const auto* const session = member("sid");
  const auto* const account = member("acc");
  const auto* const use = member("use");
  const auto* const expires = member("exp");
  if (session == nullptr || !session->is_string() || account == nullptr || !account->is_string() || use == nullptr ||
      !use->is_string() || expires == nullptr || !expires->is_int64()) {
    return std::nullopt;
  }
  SessionToken token;
  token.session = session->get_string();
  token.account = account->get_string();
  token.expiresSeconds = expires->get_int64();
  if (use->get_string() == "upload") token.use = SessionToken::Use::kUpload;
  else if (use->get_string() == "version") token.use = SessionToken::Use::kVersion;
  else return std::nullopt;
  return token;
}

bool isSignedWith(std::string_view text, TokenKey key) {
  const size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || text.size() > kTokenBytesMax) return false;
  const auto given = decodeBase64Url(text.substr(dot + 1), 64);
  const Signature signature = signatureOf(text.substr(0, dot), key);
  return given && given->size() == signature.size() &&
         CRYPTO_memcmp(given->data(), signature.data(), signature.size()) == 0;
}

}  // namespace weir::assets
