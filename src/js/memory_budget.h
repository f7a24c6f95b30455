// MemoryBudget: what one heap may hold, the memory outside of it included: buffers and the memories of Wasm.
//
// One allocation that could never fit is refused, which the script sees as a RangeError or, from memory.grow, as -1.
// One that does not fit into what is left is growth like any other: it is refused, and the heap is reported.
//
// Threads: the count may be changed by any; everything else belongs to the heap's.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace weir::js {

class MemoryBudget {
 public:
  // A size that V8 asks for again, after it has collected garbage, is only refused for good at this attempt.
  static constexpr int kAttempts = 3;

  explicit MemoryBudget(size_t limitBytes) : limitBytes_(limitBytes) {}

  // Called inside V8: may request interrupts, must not touch the heap.
  std::function<void()> onExceeded;

  // What the heap itself held when its garbage was last collected: what is refused would not fit after a collection
  // either.
  void setHeap(size_t bytes) { heap_.store(bytes, std::memory_order_relaxed); }

  size_t limitBytes() const { return limitBytes_; }
  size_t bufferBytes() const { return buffers_.load(std::memory_order_relaxed); }
  size_t wasmBytes() const { return wasm_.load(std::memory_order_relaxed); }

  // Whether `bytes` more fit; does not count them. `attempts`: how often it is asked until the heap is reported.
  bool admit(size_t bytes, int attempts) {
    if (fits(bytes)) {
      refusals_ = 0;
      return true;
    }
    if (bytes > limitBytes_) return false;
    if (refusedBytes_ != bytes) refusals_ = 0;
    refusedBytes_ = bytes;
    if (++refusals_ >= attempts && onExceeded) onExceeded();
    return false;
  }

  void addBuffer(size_t bytes) { buffers_.fetch_add(bytes, std::memory_order_relaxed); }
  void removeBuffer(size_t bytes) { buffers_.fetch_sub(bytes, std::memory_order_relaxed); }
  void addWasm(size_t bytes) { wasm_.fetch_add(bytes, std::memory_order_relaxed); }
  void removeWasm(size_t bytes) { wasm_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  bool fits(size_t bytes) const {
    return bytes <= limitBytes_ &&
           heap_.load(std::memory_order_relaxed) + buffers_.load(std::memory_order_relaxed) + wasmBytes() + bytes <=
               limitBytes_;
  }

  const size_t limitBytes_;
  std::atomic<size_t> heap_{0};
  std::atomic<size_t> buffers_{0};
  std::atomic<size_t> wasm_{0};
  size_t refusedBytes_ = 0;
  int refusals_ = 0;
};

}  // namespace weir::js
