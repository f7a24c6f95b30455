#include "cli/secret_keys.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace weir::cli {

namespace {

using catalog::SecretKey;
using Keys = std::vector<SecretKey>;

catalog::Keyring::Reader readerOf(std::shared_ptr<const KeySource> source) {
  return [source = std::move(source)]() -> base::Result<Keys> {
    auto keys = source->read();
    if (!keys.ok()) return keys.error();
    if (!*keys) return base::Error{source->name() + ": it is missing"};
    return std::move(**keys);
  };
}

const SecretKey* find(const Keys& keys, std::string_view id) {
  for (const SecretKey& key : keys) {
    if (key.id() == id) return &key;
  }
  return nullptr;
}

std::string listed(const Keys& keys) {
  std::string ids;
  for (const SecretKey& key : keys) ids += (ids.empty() ? "" : ", ") + key.id();
  return ids;
}

struct Known {
  Keys keys;
  std::string inUse;  // id; one of them
};

// What the source has and the catalog names; makes what is missing.
base::Result<Known> agree(const KeySource& source, catalog::Catalog& catalog, base::Random& random) {
  auto named = catalog.secretKey();
  if (!named.ok()) return base::Error{named.error().message};
  auto read = source.read();
  if (!read.ok()) return read.error();
  Known known;
  if (*read) {
    known.keys = std::move(**read);
  } else {
    if (*named) {
      return base::Error{source.name() + ": it is missing, and secrets in the catalog are sealed with its key " +
                         **named +
                         "; put it back from where it is kept, or name the command that prints it with "
                         "--secret-key-command"};
    }
    known.keys.push_back(SecretKey::make(random));
    if (auto written = source.write({&known.keys.front()}); !written.ok()) return written.error();
  }
  auto chosen = catalog.chooseSecretKey(known.keys.front().id());
  if (!chosen.ok()) return base::Error{chosen.error().message};
  known.inUse = *chosen;
  if (find(known.keys, known.inUse) == nullptr) {
    return base::Error{source.name() + ": it has the key " + listed(known.keys) +
                       ", but secrets in the catalog are sealed with " + known.inUse +
                       "; give it that key again (an old copy of the file, a backup of it)"};
  }
  return known;
}

}  // namespace

std::string secretKeyPath(const std::string& data) { return data + "/secret.key"; }

base::Result<KeyLock> KeyLock::take(const std::string& data) {
  const std::string path = secretKeyPath(data) + ".lock";
  wire::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return base::Error{path + ": " + std::strerror(errno) + "; name a directory that can be written"};
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return base::Error{path + ": " + std::strerror(errno)};
  }
  return KeyLock(std::move(file));
}

base::Result<std::unique_ptr<catalog::Keyring>> openKeyring(const KeyLock&, std::shared_ptr<const KeySource> source,
                                                            catalog::Catalog& catalog, base::Random& random) {
  auto known = agree(*source, catalog, random);
  if (!known.ok()) return known.error();
  // A rotation that ended between its second step and its third.
  if (source->isFile() && known->keys.size() > 1 && known->keys.front().id() == known->inUse) {
    if (auto written = source->write({&known->keys.front()}); !written.ok()) return written.error();
  }
  auto ring = catalog::Keyring::open(random, readerOf(source));
  if (!ring.ok()) return ring.error();
  if (!(*ring)->use(known->inUse)) return base::Error{source->name() + ": it was changed just now; try again"};
  return ring;
}

base::Result<Rotation> rotateSecretKey(const KeyLock&, std::shared_ptr<const KeySource> source,
                                       catalog::Catalog& catalog, base::Random& random) {
  auto known = agree(*source, catalog, random);
  if (!known.ok()) return known.error();
  const SecretKey* const old = find(known->keys, known->inUse);
  CHECK(old != nullptr);
  std::optional<SecretKey> made;
  const SecretKey* next = &known->keys.front();
  if (next == old) {
    if (!source->isFile()) {
      return base::Error{source->name() + ": it prints the key in use, " + known->inUse +
                         ", first; let it print a new one before it, and keep this one in the line below until the "
                         "secrets are sealed anew"};
    }
    made = SecretKey::make(random);
    next = &*made;
    if (auto written = source->write({next, old}); !written.ok()) return written.error();
  }
  auto ring = catalog::Keyring::open(random, readerOf(source));
  if (!ring.ok()) return ring.error();
  if (!(*ring)->use(next->id())) return base::Error{source->name() + ": it was changed just now; try again"};
  auto sealed = catalog.resealSecrets(
      next->id(),
      [&ring = **ring](std::string_view account, std::string_view script,
                       const catalog::SealedSecret& secret) -> base::Result<catalog::SealedSecret> {
        const catalog::SecretPlace place{account, script, secret.name};
        auto text = ring.open(place, secret);
        if (!text.ok()) return text.error();
        return ring.seal(place, text->view());
      });
  if (!sealed.ok()) return base::Error{sealed.error().message};
  if (source->isFile()) {
    if (auto written = source->write({next}); !written.ok()) return written.error();
  }
  return Rotation{known->inUse, next->id(), *sealed};
}

}  // namespace weir::cli
