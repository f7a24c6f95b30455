// Keyring: the keys that secrets are sealed with at rest, and the sealing. It knows where keys come from only as a
// function; what is sealed is kept by the catalog (SealedSecret), and which key is in use is one of its facts.
//
// Sealed bytes are a format byte, a random nonce of 12 bytes, and the text under AES-256-GCM with its tag of 16. The
// account, the script and the secret's name are authenticated with it: sealed bytes that were moved to another place
// are refused there. See docs/decisions/0015-secrets-at-rest.md.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "catalog/script.h"
#include "catalog/secret_text.h"

namespace weir::catalog {

// 256 bits, wiped when dropped.
class SecretKey {
 public:
  static SecretKey make(base::Random& random);
  // 64 hexadecimal digits.
  static base::Result<SecretKey> parse(std::string_view hex);

  // 16 hexadecimal digits that name the key and tell nothing of it.
  const std::string& id() const { return id_; }
  // Its 32 bytes, borrowed.
  std::string_view bytes() const { return bytes_.view(); }
  SecretText hex() const;

 private:
  explicit SecretKey(SecretText bytes);

  SecretText bytes_;
  std::string id_;
};

// A key per line; empty lines and what begins with '#' are skipped. At least one, at most 64. The first is the one that
// whoever wrote the text wants used. The error names the line and never what stands there.
base::Result<std::vector<SecretKey>> parseSecretKeys(std::string_view text);
SecretText printSecretKeys(const std::vector<const SecretKey*>& keys);

// Where a secret belongs.
struct SecretPlace {
  std::string_view account;  // id
  std::string_view script;   // name
  std::string_view name;
};

// Threads: any.
class Keyring {
 public:
  // Called again when something is sealed with a key that is not among the known: another process may have changed
  // keys.
  using Reader = std::function<base::Result<std::vector<SecretKey>>()>;

  // `random` is borrowed. Keys are sealed with the first until `use`.
  static base::Result<std::unique_ptr<Keyring>> open(base::Random& random, Reader reader);

  // Seal with this key from now on. False: the reader has none of this id; nothing has changed.
  [[nodiscard]] bool use(std::string_view id);
  std::string current() const;  // id
  std::string first() const;    // id of the one that the reader puts first
  bool has(std::string_view id) const;
  std::vector<std::string> ids() const;

  SealedSecret seal(const SecretPlace& place, std::string_view text) const;
  // The error says whether the key is missing, or the bytes are not what was sealed for this place.
  base::Result<SecretText> open(const SecretPlace& place, const SealedSecret& secret);

 private:
  using Key = std::shared_ptr<const SecretKey>;

  Keyring(base::Random& random, Reader reader) : random_(random), reader_(std::move(reader)) {}
  base::Status read();
  Key find(std::string_view id) const;

  base::Random& random_;
  const Reader reader_;
  mutable std::mutex mutex_;  // guards the rest
  std::vector<Key> keys_;     // as the reader orders them; those it no longer has behind
  Key current_;
};

}  // namespace weir::catalog
