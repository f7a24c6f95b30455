// What the probe tries after the lock-down.
#pragma once

#include <span>

namespace weir::security {

struct Attempt {
  const char* name;
  // 0 or more: it worked. Negative: the kernel's error number.
  long (*run)();
  // Would leave a second process or a tracer behind if it worked: never run without the filter.
  bool needsFilter = false;
};

// What must be refused.
std::span<const Attempt> hostileAttempts();
// What must work, V8 left out.
std::span<const Attempt> neededAttempts();

}  // namespace weir::security
