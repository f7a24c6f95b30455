#include "wire/sealed_blob.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace weir::wire {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

base::Error systemError(const char* what) { return {std::string("blob: ") + what + ": " + std::strerror(errno)}; }

}  // namespace

base::Result<Descriptor> makeSealedBlob(const char* name, std::span<const std::byte> bytes) {
  Descriptor blob(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!blob) return systemError("memfd_create");
  while (!bytes.empty()) {
    const ssize_t written = ::write(blob.get(), bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return systemError("write");
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  if (::fcntl(blob.get(), F_ADD_SEALS, kSeals) != 0) return systemError("F_ADD_SEALS");
  return blob;
}

BlobMapping& BlobMapping::operator=(BlobMapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

BlobMapping::~BlobMapping() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

base::Result<BlobMapping> mapSealedBlob(int fd, size_t bytesMax) {
  // Seals first: only then is the size what it will stay.
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0) return base::Error{"blob: not a memfd"};
  if ((seals & kSeals) != kSeals) return base::Error{"blob: not sealed"};
  return BlobMapping::map(fd, bytesMax);
}

base::Result<BlobMapping> mapFile(int fd, size_t bytesMax) { return BlobMapping::map(fd, bytesMax); }

base::Result<BlobMapping> BlobMapping::map(int fd, size_t bytesMax) {
  // lseek, not fstat: the C library makes fstat a path call, which an engine may not.
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size < 0) return systemError("lseek");
  if (static_cast<uint64_t>(size) > bytesMax) {
    return base::Error{"blob: " + std::to_string(size) + " bytes, over the bound of " + std::to_string(bytesMax)};
  }
  if (size == 0) return BlobMapping();
  void* start = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_SHARED, fd, 0);
  if (start == MAP_FAILED) return systemError("mmap");
  return BlobMapping(std::span(static_cast<const std::byte*>(start), static_cast<size_t>(size)));
}

}  // namespace weir::wire
