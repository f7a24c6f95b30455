// CHECK: a broken invariant of ours stops the process with a report. Never used for a caller's or a tenant's
// mistake; those are values (base/result.h) or outcomes.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace weir::base {

[[noreturn]] inline void checkFailed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "weir: broken invariant `%s` at %s:%d\n", what, file, line);
  std::abort();
}

}  // namespace weir::base

#define CHECK(condition)                                         \
  do {                                                           \
    if (!(condition)) [[unlikely]]                               \
      ::weir::base::checkFailed(#condition, __FILE__, __LINE__); \
  } while (false)
