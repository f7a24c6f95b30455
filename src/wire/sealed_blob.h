// Large immutable bytes (modules, snapshots, code caches) that travel between processes as a sealed memfd and
// are mapped read-only. The seals are what makes the mapping safe: no peer can change or truncate the bytes
// under the reader.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/result.h"
#include "wire/descriptor.h"

namespace weir::wire {

// A memfd that holds a copy of `bytes`, sealed against writing, growing, shrinking and further seals.
// Close-on-exec. `name` shows up in memory maps only. Works after an engine's lock-down.
base::Result<Descriptor> makeSealedBlob(const char* name, std::span<const std::byte> bytes);

// A read-only mapping; unmapped when it goes. The descriptor it came from may be closed meanwhile.
class BlobMapping {
 public:
  BlobMapping() = default;
  BlobMapping(BlobMapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  BlobMapping& operator=(BlobMapping&& other) noexcept;
  ~BlobMapping();

  // Borrowed from this mapping.
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  friend base::Result<BlobMapping> mapSealedBlob(int fd, size_t bytesMax);
  friend base::Result<BlobMapping> mapFile(int fd, size_t bytesMax);
  static base::Result<BlobMapping> map(int fd, size_t bytesMax);
  explicit BlobMapping(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

// Maps a blob that a peer sent. `fd` is borrowed. The peer may be hostile: an error unless the descriptor is
// a memfd that carries all the seals and has at most `bytesMax` bytes. An empty blob is a mapping of no
// bytes.
base::Result<BlobMapping> mapSealedBlob(int fd, size_t bytesMax);

// Maps a file that the platform has opened and that nobody writes to any more. For an engine, which trusts the
// platform; never for what an engine sent. Its pages are the kernel's to drop and shared by all who map it.
base::Result<BlobMapping> mapFile(int fd, size_t bytesMax);

}  // namespace weir::wire
