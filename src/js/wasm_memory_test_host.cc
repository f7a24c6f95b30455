#include "js/wasm_memory_test_host.h"

#include <sys/mman.h>

namespace v8 {
struct Isolate {
  void Dispose();
};
void Isolate::Dispose() {}  // by this name installWasmMemoryCount() knows the host
}  // namespace v8

namespace weir::js {

void* hostReserve(size_t bytes, void* at) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at != nullptr ? MAP_FIXED_NOREPLACE : 0);
  void* memory = ::mmap(at, bytes, PROT_NONE, flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

bool hostOpen(void* memory, size_t bytes) { return ::mprotect(memory, bytes, PROT_READ | PROT_WRITE) == 0; }

bool hostGiveBack(void* memory, size_t bytes) { return ::munmap(memory, bytes) == 0; }

}  // namespace weir::js
