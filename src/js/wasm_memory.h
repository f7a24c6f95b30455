// The memories of Wasm, on the account of the heap that made them.
//
// V8 has no interface for them: it reserves 8 GiB of address space or more per memory, without access, and opens it
// from its start as the memory grows. So the calls that the host executable makes for that (mmap, mprotect, munmap) are
// led through this file; every other use of them passes untouched.
#pragma once

#include <memory>

#include "js/memory_budget.h"

namespace weir::js {

// Once, before the process may no longer change its own memory's protection. False: this host's calls cannot be led
// here, and the memories of Wasm are not counted.
bool installWasmMemoryCount();

// While it lives, what the calling thread reserves is on the account of `budget`.
class WasmMemoryScope {
 public:
  explicit WasmMemoryScope(const std::shared_ptr<MemoryBudget>& budget);
  ~WasmMemoryScope();
  WasmMemoryScope(const WasmMemoryScope&) = delete;
  WasmMemoryScope& operator=(const WasmMemoryScope&) = delete;

 private:
  const std::shared_ptr<MemoryBudget>* before_;
};

}  // namespace weir::js
