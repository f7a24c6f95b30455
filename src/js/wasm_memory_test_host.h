// A library in the place of the host executable, for wasm_memory_test: it has V8's name, and the calls that V8 makes.
#pragma once

#include <cstddef>

namespace weir::js {

// As V8 reserves address space; null: refused. `at`: there and nowhere else, or null.
void* hostReserve(size_t bytes, void* at);
bool hostOpen(void* memory, size_t bytes);  // for reading and writing
bool hostGiveBack(void* memory, size_t bytes);

}  // namespace weir::js
