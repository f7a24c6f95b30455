// VersionStore: what checks have found out, kept on disk, so that a version is checked once and not at every start of
// the platform.
//
// Per version two files of the directory: KEY.json, the record, and KEY.image, a heap snapshot or code cache. The image
// is written first, each file under another name until it is whole, so whatever is found was finished; what does not
// fit together (another size, half a record, an image without one) counts as absent and is removed. An image is only
// used with the engine it was made by: a record names it.
//
// Threads: any; a call may wait for the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/version_check.h"

namespace weir::sandbox {

struct VersionStoreLimits {
  uint64_t imageBytesMax = 2ULL << 30;  // all of them; the least recently used go first
  size_t recordsMax = 16'384;
  uint32_t putsPerSweep = 256;  // how far beyond it may grow
};

// An image where it lies. Immutable; the file stays as long as the version is in use.
struct StoredImage {
  std::string path;
  wire::StartSource source = wire::StartSource::kCompiled;
  uint64_t hash = 0;      // wire/blob_hash.h
  uint32_t hashMark = 0;  // of the engine that made it
  bool whole = false;     // this process has written it: who uses it need not look
};

struct VersionRecord {
  std::string handlers;
  uint64_t startupUs = 0;
  std::string reason;  // why it does not start from a heap snapshot; empty: it does
  std::optional<StoredImage> image;
};

class VersionStore {
 public:
  // `engine` names what runs the versions: V8, its flags, the base snapshot. Makes the directory when it is missing.
  static base::Result<std::unique_ptr<VersionStore>> open(const std::string& directory, const std::string& engine,
                                                          VersionStoreLimits limits = {});

  // The seed of the hash tables of every heap whose image lies in `directory`, made on the first call. V8 cannot hash
  // anew the Maps, Sets and modules of a heap that it reads back, so whoever writes one and whoever reads it share the
  // seed; it differs from one installation to the next, so that nobody can prepare keys that collide.
  static base::Result<uint64_t> hashSeed(const std::string& directory);

  // Lower-case hex digits and nothing else: the hash of everything that the check's result depends on. Two owners never
  // share a key: an engine that is taken over by one's script must not choose the heap of the other's.
  using Key = std::string;

  // Nothing when the version was not checked, by this engine.
  std::optional<VersionRecord> find(const Key& key);
  // Keeps what a check found out; the same record comes back, with the image in its place. On an error nothing is kept.
  base::Result<VersionRecord> put(const Key& key, const CheckedVersion& checked, const std::string& script);
  // Removes what is broken or another engine's, and the least recently used above the limits, but never those of
  // `keep`, which stay kept when others sweep.
  void sweep(std::set<Key> keep);
  void sweep();
  // Whether there have been `putsPerSweep` puts since this was last said.
  bool takeSweepDue();

 private:
  VersionStore(std::string directory, std::string engine, VersionStoreLimits limits)
      : directory_(std::move(directory)), engine_(std::move(engine)), limits_(limits) {}
  std::optional<VersionRecord> read(const Key& key) const;
  std::string pathOf(const Key& key, const char* ending) const { return directory_ + "/" + key + ending; }

  const std::string directory_;
  const std::string engine_;
  const VersionStoreLimits limits_;
  std::mutex mutex_;  // of changes to the directory, and of what follows
  std::set<Key> keep_;
  uint32_t puts_ = 0;  // since a sweep was due
};

}  // namespace weir::sandbox
