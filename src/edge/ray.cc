#include "edge/ray.h"

#include <bit>

namespace weir::edge {

namespace {

// Beaulieu et al., "The SIMON and SPECK Families of Lightweight Block Ciphers" (IACR ePrint 2013/404), 64/128.
void mix(uint32_t& x, uint32_t& y, uint32_t key) {
  x = (std::rotr(x, 8) + y) ^ key;
  y = std::rotl(y, 3) ^ x;
}

template <size_t kRounds>
void schedule(const RaySource::Key& key, std::array<uint32_t, kRounds>& roundKeys) {
  std::array<uint32_t, 3> l{key[1], key[2], key[3]};
  uint32_t k = key[0];
  for (size_t i = 0; i < kRounds; ++i) {
    roundKeys[i] = k;
    mix(l[i % 3], k, static_cast<uint32_t>(i));
  }
}

template <size_t kRounds>
uint64_t encrypt(const std::array<uint32_t, kRounds>& roundKeys, uint64_t block) {
  auto x = static_cast<uint32_t>(block >> 32);
  auto y = static_cast<uint32_t>(block);
  for (const uint32_t key : roundKeys) mix(x, y, key);
  return (uint64_t{x} << 32) | y;
}

}  // namespace

RaySource::RaySource(const Key& key, uint8_t lane, std::array<char, 3> colo)
    : counter_(uint64_t{lane} << 56), colo_(colo) {
  schedule(key, roundKeys_);
}

Ray RaySource::next() {
  static constexpr char kHex[] = "0123456789abcdef";
  const uint64_t id = encrypt(roundKeys_, counter_++);
  Ray ray;
  for (int i = 0; i < 16; ++i) ray.text[static_cast<size_t>(i)] = kHex[(id >> (60 - 4 * i)) & 15];
  ray.text[16] = '-';
  for (size_t i = 0; i < 3; ++i) ray.text[17 + i] = colo_[i];
  return ray;
}

uint64_t speck64(const RaySource::Key& key, uint64_t block) {
  std::array<uint32_t, 27> roundKeys;
  schedule(key, roundKeys);
  return encrypt(roundKeys, block);
}

}  // namespace weir::edge
