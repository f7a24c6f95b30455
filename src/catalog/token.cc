#include "catalog/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"

namespace weir::catalog {

SecretText newTokenText(base::Random& random) {
  // base64url (RFC 4648 §5) without padding: letters, digits, '-' and '_', so that it needs no quotes anywhere.
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr std::string_view kPrefix = "weir_";
  constexpr size_t kDigitCount = 43;
  SecretText bits(33);  // 44 digits' worth
  random.fill(std::as_writable_bytes(std::span(bits.data(), bits.size())));
  SecretText text(kPrefix.size() + kDigitCount);
  kPrefix.copy(text.data(), kPrefix.size());
  for (size_t i = 0; i < kDigitCount; ++i) {
    const size_t bit = 6 * i;
    const auto high = static_cast<unsigned>(static_cast<uint8_t>(bits.data()[bit / 8]));
    const auto low = static_cast<unsigned>(static_cast<uint8_t>(bits.data()[bit / 8 + 1]));
    text.data()[kPrefix.size() + i] = kDigits[((high << 8 | low) >> (10 - bit % 8)) & 63];
  }
  return text;
}

TokenHash tokenHash(std::string_view text) {
  TokenHash hash{};
  unsigned size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(hash.data()), &size, EVP_sha256(),
                   nullptr) == 1);
  CHECK(size == hash.size());
  return hash;
}

bool sameHash(const TokenHash& a, const TokenHash& b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

}  // namespace weir::catalog
