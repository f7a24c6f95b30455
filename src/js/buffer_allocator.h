// The memory of ArrayBuffers, on the account of their heap.
//
// V8 collects garbage and asks again before a refusal becomes a RangeError in the script.
#pragma once

#include <v8.h>

#include <memory>

#include "js/memory_budget.h"

namespace weir::js {

class BufferAllocator final : public v8::ArrayBuffer::Allocator {
 public:
  explicit BufferAllocator(std::shared_ptr<MemoryBudget> budget) : budget_(std::move(budget)) {}

  void* Allocate(size_t length) override;
  void* AllocateUninitialized(size_t length) override;
  void Free(void* data, size_t length) override;  // any thread
  size_t MaxAllocationSize() const override { return budget_->limitBytes(); }

 private:
  const std::shared_ptr<MemoryBudget> budget_;
};

}  // namespace weir::js
