// Both ends of a pipe, each closed with its owner and at exec.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/result.h"
#include "wire/descriptor.h"

namespace weir::sandbox {

struct Pipe {
  wire::Descriptor reading;
  wire::Descriptor writing;
};

// `flags`: O_NONBLOCK, or 0.
inline base::Result<Pipe> makePipe(int flags) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | flags) != 0) return base::Error{std::string("pipe: ") + std::strerror(errno)};
  return Pipe{wire::Descriptor(ends[0]), wire::Descriptor(ends[1])};
}

}  // namespace weir::sandbox
