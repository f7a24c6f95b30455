// Manifest: what a client says it wants to serve, before it has uploaded any of it:
//
//   {"manifest": {"/path": {"hash": "32 hexadecimal digits", "size": 123}, …}}
//
// Threads: pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "assets/file_table.h"
#include "base/result.h"

namespace weir::assets {

struct ManifestLimits {
  size_t filesMax = 20'000;
  uint64_t fileBytesMax = 25u << 20;
};

struct ManifestError {
  enum class Kind : uint8_t { kMalformed, kTooManyFiles, kFileTooLarge, kBadPath, kBadHash };
  Kind kind = Kind::kMalformed;
  std::string message;
};

struct Manifest {
  struct Entry {
    std::string path;
    FileHash hash;
    uint64_t size;
  };
  std::vector<Entry> files;  // as listed
  uint64_t bytes = 0;        // of all files, each content once
};

// `json` is the whole body. A hash that is listed twice has the same size both times.
base::Result<Manifest, ManifestError> parseManifest(std::string_view json, const ManifestLimits& limits);

// Whether a file may have this path: UTF-8 that begins with '/', with no segment that a URL would resolve away, no
// empty one, no control characters and no backslash.
bool isFilePath(std::string_view path);

}  // namespace weir::assets
