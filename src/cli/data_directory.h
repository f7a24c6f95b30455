// DataDirectory: the directory everything durable lives in, held by one weir at a time and never by one that is older
// than what wrote it.
//
// `lock` in it is locked for the life of the process, by the kernel, so that a kill leaves no stale lock. `format`
// holds the number of the layout; a higher one than ours means a newer weir has changed what we would misread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "wire/descriptor.h"

namespace weir::cli {

// In a data directory: the address of the management API while it is served.
std::string controlAddressPath(const std::string& data);

// The first line of a small file, an address or a token; nullopt: there is none.
std::optional<std::string> firstLineOf(const std::string& path);

class DataDirectory {
 public:
  static constexpr int kFormat = 1;

  // Makes it when missing. The error is one line that says what to do.
  static base::Result<DataDirectory> open(const std::string& path);

 private:
  explicit DataDirectory(wire::Descriptor lock) : lock_(std::move(lock)) {}
  wire::Descriptor lock_;
};

}  // namespace weir::cli
