#include "js/buffer_allocator.h"

#include <cstdlib>

namespace weir::js {

void* BufferAllocator::Allocate(size_t length) {
  if (!budget_->admit(length, MemoryBudget::kAttempts)) return nullptr;
  void* data = std::calloc(length, 1);
  if (data != nullptr) budget_->addBuffer(length);
  return data;
}

void* BufferAllocator::AllocateUninitialized(size_t length) {
  if (!budget_->admit(length, MemoryBudget::kAttempts)) return nullptr;
  void* data = std::malloc(length);
  if (data != nullptr) budget_->addBuffer(length);
  return data;
}

void BufferAllocator::Free(void* data, size_t length) {
  std::free(data);
  budget_->removeBuffer(length);
}

}  // namespace weir::js
