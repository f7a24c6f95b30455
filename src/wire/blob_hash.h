// A checksum of large bytes: tells a torn or rotten file from a whole one. Not for bytes that somebody may choose to
// collide: whoever can write a start image can write its record, too.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace weir::wire {

// The same on every machine of one byte order. Reads at memory speed: four lanes that do not wait for each other.
inline uint64_t blobHash(std::span<const std::byte> bytes) {
  constexpr uint64_t kPrime[] = {0x9e3779b185ebca87ULL, 0xc2b2ae3d27d4eb4fULL, 0x165667b19e3779f9ULL,
                                 0x85ebca77c2b2ae63ULL};
  uint64_t lanes[] = {kPrime[0], kPrime[1], kPrime[2], kPrime[3]};
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  const auto mix = [&](size_t lane, uint64_t word) {
    lanes[lane] = std::rotl((lanes[lane] ^ word) * kPrime[lane], 29);
  };
  for (; left >= 32; at += 32, left -= 32) {
    uint64_t words[4];
    std::memcpy(words, at, sizeof words);
    for (size_t lane = 0; lane < 4; ++lane) mix(lane, words[lane]);
  }
  for (size_t lane = 0; left > 0; ++lane) {
    uint64_t word = 0;
    const size_t taken = left < sizeof word ? left : sizeof word;
    std::memcpy(&word, at, taken);
    mix(lane, word);
    at += taken;
    left -= taken;
  }
  uint64_t hash = bytes.size();
  for (const uint64_t lane : lanes) {
    hash = (hash ^ lane) * kPrime[1];
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace weir::wire
