// The keys of a data directory's secrets: which there are, that they are those of its catalog, and how they are
// changed. docs/decisions/0015-secrets-at-rest.md.
#pragma once

#include <memory>
#include <string>

#include "catalog/catalog.h"
#include "catalog/keyring.h"
#include "cli/key_source.h"
#include "wire/descriptor.h"

namespace weir::cli {

// The key file in a data directory.
std::string secretKeyPath(const std::string& data);

// Held while keys are made or changed, by one process at a time.
class KeyLock {
 public:
  static base::Result<KeyLock> take(const std::string& data);

 private:
  explicit KeyLock(wire::Descriptor file) : file_(std::move(file)) {}
  wire::Descriptor file_;
};

// The keys, with the one in use that the catalog names. Makes the first key where there is none yet. The error says
// which key is missing. `source` is asked again when another process has changed keys.
base::Result<std::unique_ptr<catalog::Keyring>> openKeyring(const KeyLock& lock,
                                                            std::shared_ptr<const KeySource> source,
                                                            catalog::Catalog& catalog, base::Random& random);

struct Rotation {
  std::string before;  // id
  std::string after;   // id
  uint64_t secrets = 0;
};
// Seals every secret with another key: a new one, or the first of the source where that is not the one in use (a
// rotation that was interrupted, or keys that a command prints). Whenever it is killed, weir starts.
base::Result<Rotation> rotateSecretKey(const KeyLock& lock, std::shared_ptr<const KeySource> source,
                                       catalog::Catalog& catalog, base::Random& random);

}  // namespace weir::cli
