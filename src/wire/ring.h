// A ring of records in memory shared by two processes: one writer side, one reader side, no system call while both are
// busy. Neither side trusts the other: positions that matter are kept privately, what the peer wrote is read once and
// checked, and a wrong value makes the operation fail with `broken()` set.
//
// Layout: one page of header (positions and flags on cache lines of their own), then `capacity` bytes. A record is a
// 32-bit length and its bytes, padded to 8; a length of kWrap says: the next record is at the start.
//
//   tail: where the writer will write next    head: how far the reader has read    0 <= tail - head <= capacity
//
// Threads: each side belongs to one thread at a time; several producers take turns under a lock of their own process.
// Sleeping: the reader calls armSleep(); if that returns true it may block on its eventfd, and the writer's next
// takeWake() says true, once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace weir::wire {

struct RingHeader {
  alignas(64) std::atomic<uint64_t> tail;
  alignas(64) std::atomic<uint64_t> head;
  alignas(64) std::atomic<uint32_t> readerSleeping;
  alignas(64) std::atomic<uint32_t> writerWaiting;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

inline constexpr size_t kRingHeaderBytes = 4096;
static_assert(sizeof(RingHeader) <= kRingHeaderBytes);

// Bytes of shared memory for a ring of `capacity` (a power of two, at least 4096).
constexpr size_t ringMemoryBytes(size_t capacity) { return kRingHeaderBytes + capacity; }

class RingWriter {
 public:
  // Borrows memory of ringMemoryBytes(capacity), zeroed when the ring is new.
  RingWriter(void* memory, size_t capacity);

  // Copies one record in and publishes it. False: no room now (nothing changed), or broken().
  // `record.size()` must be > 0 and <= capacity / 4.
  [[nodiscard]] bool write(std::span<const uint8_t> record) { return write(record, {}); }
  // The same for a record in two parts, so that a payload is copied only once.
  [[nodiscard]] bool write(std::span<const uint8_t> first, std::span<const uint8_t> second);

  // True, once, when the reader sleeps and must be woken: call after a batch of writes.
  [[nodiscard]] bool takeWake();

  // Bytes that could be written now, headers and padding included; 0 when broken.
  [[nodiscard]] uint64_t freeBytes();

  // Announces that this side waits for room (the reader's takeWriterWake then says so); returns true when room for a
  // record of `bytes` is there already.
  bool armWait(size_t bytes);

  // Positions in bytes since the ring was new, for whoever watches the reader's progress. Nullopt: broken().
  uint64_t writtenUpTo() const { return tail_; }
  std::optional<uint64_t> readUpTo();

  bool broken() const { return broken_; }

 private:
  RingHeader* header_;
  uint8_t* data_;
  uint64_t capacity_;
  uint64_t tail_ = 0;
  uint64_t headSeen_ = 0;
  bool broken_ = false;
};

class RingReader {
 public:
  RingReader(void* memory, size_t capacity);

  // The next record, still in shared memory: the peer may change its bytes at any moment, so a reader that does not
  // trust the peer copies before it looks. Valid until pop(). Nullopt: nothing there, or broken().
  std::optional<std::span<const uint8_t>> peek();
  void pop();

  // Says that this side is about to block. False: a record is there, do not block.
  [[nodiscard]] bool armSleep();
  void disarmSleep();
  // True, once, when the writer waits for room: call after a batch of pops.
  [[nodiscard]] bool takeWriterWake();

  bool broken() const { return broken_; }

 private:
  RingHeader* header_;
  const uint8_t* data_;
  uint64_t capacity_;
  uint64_t head_ = 0;
  uint64_t tailSeen_ = 0;
  uint64_t nextHead_ = 0;  // after the record that peek returned
  bool broken_ = false;
};

}  // namespace weir::wire
