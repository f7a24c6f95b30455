// What a fuzz target is: one function over any bytes that ends the process when a belief is broken. Two drivers run it:
// driver.cc in the tests, and libFuzzer for as long as one likes (`make fuzz`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace weir::fuzz {

// Inputs to start from that are no text, and so no files of fuzz/corpus/: a target with binary input makes them here.
// Empty for the others.
std::vector<std::vector<uint8_t>> seeds();

}  // namespace weir::fuzz
