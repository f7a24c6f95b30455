// Ray: the id of a request, in pages, logs, traces and headers. 64 bits as 16 hex digits.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::edge {

// A value: the digits and the place they were given out, "0123456789abcdef-WEI".
struct Ray {
  std::array<char, 20> text;

  // 16 hex digits; borrows from this.
  [[nodiscard]] std::string_view id() const { return {text.data(), 16}; }
  // With the three letters of the place, as the cf-ray response header has it; borrows from this.
  [[nodiscard]] std::string_view header() const { return {text.data(), text.size()}; }
};

// Gives out rays: a counter behind a block cipher (SPECK64/128), so that ids of one key never repeat, yet one id says
// nothing about the next, how many there were, or which lane gave it. No system call, no allocation, about 40 ns.
//
// Threads: one source per loop, used on that loop only. Sources of one process share a key and differ in `lane`.
class RaySource {
 public:
  using Key = std::array<uint32_t, 4>;  // from the system's random source, new at each start

  // `colo`: three ASCII letters naming this place.
  RaySource(const Key& key, uint8_t lane, std::array<char, 3> colo = {'W', 'E', 'I'});

  Ray next();

 private:
  static constexpr int kRounds = 27;
  std::array<uint32_t, kRounds> roundKeys_;
  uint64_t counter_;  // lane in the top 8 bits
  std::array<char, 3> colo_;
};

// One block of SPECK64/128, the word the paper calls x in the upper half. Exposed for its test vector.
uint64_t speck64(const RaySource::Key& key, uint64_t block);

}  // namespace weir::edge
