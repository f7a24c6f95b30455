#include "catalog/keyring.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "base/hex.h"
#include "catalog/error.h"

namespace weir::catalog {

namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kKeysMax = 64;
constexpr std::byte kFormat{1};
constexpr size_t kOverhead = 1 + kNonceBytes + kTagBytes;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Each part with its length before it, so that no two places have the same text.
std::string authenticated(const SecretPlace& place) {
  std::string text = "weir secret";
  for (const std::string_view part : {place.account, place.script, place.name}) {
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(part.size() >> shift);
    text += part;
  }
  return text;
}

Cipher newCipher() {
  Cipher cipher(EVP_CIPHER_CTX_new());
  CHECK(cipher != nullptr);
  return cipher;
}

std::string idOf(std::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  SecretText text("weir key id ");
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  CHECK(digest != nullptr);
  CHECK(EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1);
  CHECK(EVP_DigestUpdate(digest.get(), text.view().data(), text.size()) == 1);
  CHECK(EVP_DigestUpdate(digest.get(), key.data(), key.size()) == 1);
  CHECK(EVP_DigestFinal_ex(digest.get(), hash.data(), &size) == 1);
  return base::hexOf(std::span<const uint8_t>(hash.data(), 8));
}

}  // namespace

SecretKey::SecretKey(SecretText bytes) : bytes_(std::move(bytes)), id_(idOf(bytes_.view())) {}

SecretKey SecretKey::make(base::Random& random) {
  SecretText bytes(kKeyBytes);
  random.fill(std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return SecretKey(std::move(bytes));
}

base::Result<SecretKey> SecretKey::parse(std::string_view hex) {
  if (hex.size() != 2 * kKeyBytes) return base::Error{"a key has 64 hexadecimal digits"};
  SecretText bytes(kKeyBytes);
  for (size_t i = 0; i < kKeyBytes; ++i) {
    const int high = base::hexValue(hex[2 * i]);
    const int low = base::hexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) return base::Error{"a key has 64 hexadecimal digits"};
    bytes.data()[i] = static_cast<char>(high << 4 | low);
  }
  return SecretKey(std::move(bytes));
}

SecretText SecretKey::hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  SecretText text(2 * kKeyBytes);
  for (size_t i = 0; i < kKeyBytes; ++i) {
    const auto byte = static_cast<uint8_t>(bytes()[i]);
    text.data()[2 * i] = kDigits[byte >> 4];
    text.data()[2 * i + 1] = kDigits[byte & 15];
  }
  return text;
}

base::Result<std::vector<SecretKey>> parseSecretKeys(std::string_view text) {
  std::vector<SecretKey> keys;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!one.empty() && (one.back() == '\r' || one.back() == ' ')) one.remove_suffix(1);
    if (one.empty() || one.front() == '#') continue;
    auto key = SecretKey::parse(one);
    if (!key.ok()) return base::Error{"line " + std::to_string(line) + " is no key: " + key.error().message};
    if (keys.size() == kKeysMax) return base::Error{"there are more than " + std::to_string(kKeysMax) + " keys"};
    keys.push_back(std::move(key).value());
  }
  if (keys.empty()) return base::Error{"there is no key: a line of 64 hexadecimal digits"};
  return keys;
}

SecretText printSecretKeys(const std::vector<const SecretKey*>& keys) {
  constexpr size_t kLine = 2 * kKeyBytes + 1;
  SecretText text(keys.size() * kLine);
  for (size_t i = 0; i < keys.size(); ++i) {
    const SecretText hex = keys[i]->hex();
    std::copy_n(hex.view().data(), hex.size(), text.data() + i * kLine);
    text.data()[(i + 1) * kLine - 1] = '\n';
  }
  return text;
}

base::Result<std::unique_ptr<Keyring>> Keyring::open(base::Random& random, Reader reader) {
  auto self = std::unique_ptr<Keyring>(new Keyring(random, std::move(reader)));
  if (auto status = self->read(); !status.ok()) return status.error();
  self->current_ = self->keys_.front();
  return self;
}

base::Status Keyring::read() {
  auto keys = reader_();
  if (!keys.ok()) return keys.error();
  CHECK(!keys->empty());
  std::vector<Key> all;
  for (SecretKey& key : *keys) {
    const Key known = find(key.id());
    all.push_back(known ? known : std::make_shared<const SecretKey>(std::move(key)));
  }
  if (current_ && std::find(all.begin(), all.end(), current_) == all.end()) all.push_back(current_);
  keys_ = std::move(all);
  return base::Nothing{};
}

Keyring::Key Keyring::find(std::string_view id) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) { return key->id() == id; });
  return found == keys_.end() ? nullptr : *found;
}

bool Keyring::use(std::string_view id) {
  const std::lock_guard lock(mutex_);
  if (current_->id() == id) return true;
  Key wanted = find(id);
  if (!wanted && read().ok()) wanted = find(id);
  if (!wanted) return false;
  current_ = std::move(wanted);
  return true;
}

std::string Keyring::current() const {
  const std::lock_guard lock(mutex_);
  return current_->id();
}

std::string Keyring::first() const {
  const std::lock_guard lock(mutex_);
  return keys_.front()->id();
}

bool Keyring::has(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  return find(id) != nullptr;
}

std::vector<std::string> Keyring::ids() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const Key& key : keys_) out.push_back(key->id());
  return out;
}

SealedSecret Keyring::seal(const SecretPlace& place, std::string_view text) const {
  CHECK(text.size() < size_t{1} << 30);
  Key key;
  SealedSecret sealed;
  sealed.name = place.name;
  sealed.sealed.resize(text.size() + kOverhead);
  const std::span<std::byte> out(sealed.sealed);
  {
    const std::lock_guard lock(mutex_);
    key = current_;
    random_.fill(out.subspan(1, kNonceBytes));
  }
  sealed.key = key->id();
  out[0] = kFormat;
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  const std::string with = authenticated(place);
  const Cipher cipher = newCipher();
  int size = 0;
  CHECK(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, octets(key->bytes()), bytes + 1) == 1);
  CHECK(EVP_EncryptUpdate(cipher.get(), nullptr, &size, octets(with), static_cast<int>(with.size())) == 1);
  CHECK(EVP_EncryptUpdate(cipher.get(), bytes + 1 + kNonceBytes, &size, octets(text), static_cast<int>(text.size())) ==
        1);
  CHECK(static_cast<size_t>(size) == text.size());
  CHECK(EVP_EncryptFinal_ex(cipher.get(), bytes + 1 + kNonceBytes + size, &size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, bytes + 1 + kNonceBytes + text.size()) == 1);
  return sealed;
}

base::Result<SecretText> Keyring::open(const SecretPlace& place, const SealedSecret& secret) {
  Key key;
  {
    const std::lock_guard lock(mutex_);
    key = find(secret.key);
    if (!key) {
      if (auto status = read(); !status.ok()) return status.error();
      key = find(secret.key);
    }
  }
  const std::string what = "secret " + shown(place.name) + " of script " + shown(place.script);
  if (!key) return base::Error{what + ": it is sealed with the key " + shown(secret.key) + ", which is not here"};
  const base::Error damaged{what + ": what is stored is damaged, or was not stored here"};
  if (secret.sealed.size() < kOverhead || secret.sealed[0] != kFormat) return damaged;
  const size_t textBytes = secret.sealed.size() - kOverhead;
  const auto* bytes = reinterpret_cast<const unsigned char*>(secret.sealed.data());
  const std::string with = authenticated(place);
  SecretText text(textBytes);
  auto* out = reinterpret_cast<unsigned char*>(text.data());
  unsigned char tag[kTagBytes];
  std::copy_n(bytes + 1 + kNonceBytes + textBytes, kTagBytes, tag);
  const Cipher cipher = newCipher();
  int size = 0;
  CHECK(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, octets(key->bytes()), bytes + 1) == 1);
  CHECK(EVP_DecryptUpdate(cipher.get(), nullptr, &size, octets(with), static_cast<int>(with.size())) == 1);
  if (textBytes > 0) {
    CHECK(EVP_DecryptUpdate(cipher.get(), out, &size, bytes + 1 + kNonceBytes, static_cast<int>(textBytes)) == 1);
  }
  CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag) == 1);
  unsigned char rest[EVP_MAX_BLOCK_LENGTH];
  if (EVP_DecryptFinal_ex(cipher.get(), rest, &size) != 1) return damaged;
  return text;
}

}  // namespace weir::catalog
