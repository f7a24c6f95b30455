#include "js/protected_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace weir::js {

bool writeProtected(void** place, void* value) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto* start = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(place) & ~(page - 1));
  if (::mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return false;
  *place = value;
  return ::mprotect(start, page, PROT_READ) == 0;
}

}  // namespace weir::js
