#include "js/buffer_allocator.h"

#include <cstdlib>

namespace weir::js {

namespace {

// V8 asks once, then after each of up to three collections, before it throws.
constexpr int kAttemptsOfV8 = 3;

}  // namespace

bool BufferAllocator::admit(size_t length) {
  if (length > limitBytes_) return false;
  const size_t used = used_.load(std::memory_order_relaxed) + length;
  if (used <= limitBytes_ / 4) return true;
  const size_t heap = heapBytes ? heapBytes() : 0;
  if (used + heap <= limitBytes_) {
    refusals_ = 0;
    return true;
  }
  if (refusedLength_ != length) refusals_ = 0;
  refusedLength_ = length;
  if (++refusals_ >= kAttemptsOfV8 && onExceeded) onExceeded();
  return false;
}

void* BufferAllocator::Allocate(size_t length) {
  if (!admit(length)) return nullptr;
  void* data = std::calloc(length, 1);
  if (data != nullptr) used_.fetch_add(length, std::memory_order_relaxed);
  return data;
}

void* BufferAllocator::AllocateUninitialized(size_t length) {
  if (!admit(length)) return nullptr;
  void* data = std::malloc(length);
  if (data != nullptr) used_.fetch_add(length, std::memory_order_relaxed);
  return data;
}

void BufferAllocator::Free(void* data, size_t length) {
  std::free(data);
  used_.fetch_sub(length, std::memory_order_relaxed);
}

}  // namespace weir::js
