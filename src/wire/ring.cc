#include "wire/ring.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace weir::wire {

namespace {

constexpr uint32_t kWrap = 0xffffffff;
constexpr uint64_t kLengthBytes = 8;  // the 32-bit length, padded so that payloads start aligned

constexpr uint64_t footprint(uint64_t payload) { return (kLengthBytes + payload + 7) & ~uint64_t{7}; }

}  // namespace

RingWriter::RingWriter(void* memory, size_t capacity)
    : header_(static_cast<RingHeader*>(memory)),
      data_(static_cast<uint8_t*>(memory) + kRingHeaderBytes),
      capacity_(capacity) {
  CHECK(std::has_single_bit(capacity));
  CHECK(capacity >= 4096);
}

bool RingWriter::write(std::span<const uint8_t> first, std::span<const uint8_t> second) {
  const uint64_t payload = first.size() + second.size();
  CHECK(payload > 0);
  CHECK(payload <= capacity_ / 4);
  if (broken_) return false;
  const uint64_t need = footprint(payload);
  uint64_t offset = tail_ & (capacity_ - 1);
  const uint64_t toEnd = capacity_ - offset;
  const uint64_t skip = toEnd < need ? toEnd : 0;  // offsets are multiples of 8, so a wrap mark always fits
  if (capacity_ - (tail_ - headSeen_) < skip + need) {
    const uint64_t head = header_->head.load(std::memory_order_acquire);
    if (head < headSeen_ || head > tail_) {
      broken_ = true;
      return false;
    }
    headSeen_ = head;
    if (capacity_ - (tail_ - headSeen_) < skip + need) return false;
  }
  if (skip != 0) {
    std::memcpy(data_ + offset, &kWrap, sizeof kWrap);
    tail_ += skip;
    offset = 0;
  }
  const auto length = static_cast<uint32_t>(payload);
  std::memcpy(data_ + offset, &length, sizeof length);
  if (!first.empty()) std::memcpy(data_ + offset + kLengthBytes, first.data(), first.size());
  if (!second.empty()) std::memcpy(data_ + offset + kLengthBytes + first.size(), second.data(), second.size());
  tail_ += need;
  header_->tail.store(tail_, std::memory_order_release);
  return true;
}

std::optional<uint64_t> RingWriter::readUpTo() {
  if (broken_) return std::nullopt;
  const uint64_t head = header_->head.load(std::memory_order_acquire);
  if (head < headSeen_ || head > tail_) {
    broken_ = true;
    return std::nullopt;
  }
  return headSeen_ = head;
}

bool RingWriter::takeWake() {
  // Pairs with the fence in armSleep: either this side sees the flag, or the reader sees the record.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (header_->readerSleeping.load(std::memory_order_relaxed) == 0) return false;
  return header_->readerSleeping.exchange(0, std::memory_order_acq_rel) != 0;
}

uint64_t RingWriter::freeBytes() {
  const uint64_t head = header_->head.load(std::memory_order_acquire);
  if (head < headSeen_ || head > tail_) broken_ = true;
  if (broken_) return 0;
  headSeen_ = head;
  return capacity_ - (tail_ - headSeen_);
}

bool RingWriter::armWait(size_t bytes) {
  header_->writerWaiting.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const uint64_t head = header_->head.load(std::memory_order_acquire);
  if (head < headSeen_ || head > tail_) {
    broken_ = true;
    return true;
  }
  headSeen_ = head;
  // Twice the footprint covers the padding that a wrap may cost.
  return capacity_ - (tail_ - headSeen_) >= 2 * footprint(bytes);
}

RingReader::RingReader(void* memory, size_t capacity)
    : header_(static_cast<RingHeader*>(memory)),
      data_(static_cast<const uint8_t*>(memory) + kRingHeaderBytes),
      capacity_(capacity) {
  CHECK(std::has_single_bit(capacity));
  CHECK(capacity >= 4096);
}

std::optional<std::span<const uint8_t>> RingReader::peek() {
  if (broken_) return std::nullopt;
  for (int wraps = 0; wraps < 2; ++wraps) {
    if (head_ == tailSeen_) {
      const uint64_t tail = header_->tail.load(std::memory_order_acquire);
      if (tail < tailSeen_ || tail - head_ > capacity_ || tail % 8 != 0) {
        broken_ = true;
        return std::nullopt;
      }
      tailSeen_ = tail;
      if (head_ == tailSeen_) return std::nullopt;
    }
    const uint64_t offset = head_ & (capacity_ - 1);
    uint32_t length = 0;
    std::memcpy(&length, data_ + offset, sizeof length);  // once: the peer may rewrite it
    const uint64_t toEnd = capacity_ - offset;
    if (length == kWrap) {
      if (toEnd > tailSeen_ - head_) break;
      head_ += toEnd;
      continue;
    }
    const uint64_t need = footprint(length);
    if (length == 0 || need > toEnd || need > tailSeen_ - head_) break;
    nextHead_ = head_ + need;
    return std::span<const uint8_t>(data_ + offset + kLengthBytes, length);
  }
  broken_ = true;
  return std::nullopt;
}

void RingReader::pop() {
  CHECK(nextHead_ > head_);
  head_ = nextHead_;
  header_->head.store(head_, std::memory_order_release);
}

bool RingReader::armSleep() {
  header_->readerSleeping.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (header_->tail.load(std::memory_order_acquire) == head_ && !broken_) return true;
  disarmSleep();
  return false;
}

void RingReader::disarmSleep() { header_->readerSleeping.store(0, std::memory_order_relaxed); }

bool RingReader::takeWriterWake() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (header_->writerWaiting.load(std::memory_order_relaxed) == 0) return false;
  return header_->writerWaiting.exchange(0, std::memory_order_acq_rel) != 0;
}

}  // namespace weir::wire
