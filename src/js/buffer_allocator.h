// The memory of ArrayBuffers, counted against a limit that they share with the heap.
//
// Refusing is a catchable RangeError in the script. That is right for one allocation that could never fit; growth
// past the limit ends the isolate like any other growth, so after V8 has collected garbage and asked again in vain the
// allocator calls `onExceeded`.
#pragma once

#include <v8.h>

#include <atomic>
#include <cstddef>
#include <functional>

namespace weir::js {

class BufferAllocator final : public v8::ArrayBuffer::Allocator {
 public:
  explicit BufferAllocator(size_t limitBytes) : limitBytes_(limitBytes) {}

  // Called on the isolate's thread, inside V8: may request termination, must not touch the heap.
  std::function<void()> onExceeded;
  // Bytes that the heap itself holds now; asked only when buffers alone pass a quarter of the limit.
  std::function<size_t()> heapBytes;

  void* Allocate(size_t length) override;
  void* AllocateUninitialized(size_t length) override;
  void Free(void* data, size_t length) override;  // any thread
  size_t MaxAllocationSize() const override { return limitBytes_; }

  size_t usedBytes() const { return used_.load(std::memory_order_relaxed); }

 private:
  bool admit(size_t length);

  const size_t limitBytes_;
  std::atomic<size_t> used_{0};
  size_t refusedLength_ = 0;
  int refusals_ = 0;
};

}  // namespace weir::js
