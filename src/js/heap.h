// Heap: one V8 isolate with its buffers, limits and foreground tasks, registered with the host's platform.
//
// Threads: one at a time, under v8::Locker. Tasks may be posted from any thread.
#pragma once

#include <node.h>
#include <v8.h>

#include <memory>

#include "js/buffer_allocator.h"

namespace weir::js {

class TaskQueue;

// What the hash seed of this process makes of a fixed name. V8 keeps the hashes of a heap that it writes and cannot
// make new ones for Maps, Sets and modules, so such a heap is only good for a process with the same mark.
uint32_t hashMark(v8::Isolate* isolate);

struct HeapOptions {
  const v8::StartupData* blob = nullptr;         // borrowed; outlives the heap. Null: V8's own
  const intptr_t* externalReferences = nullptr;  // borrowed for ever
  size_t limitBytes = 128u << 20;
};

class Heap {
 public:
  enum class Purpose { kRun, kSnapshot };

  // Never fails: V8 ends the process (or parks the thread) when it cannot make an isolate.
  Heap(node::MultiIsolatePlatform& platform, const HeapOptions& options, Purpose purpose);
  ~Heap();
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  v8::Isolate* isolate() const { return isolate_; }
  const std::shared_ptr<MemoryBudget>& budget() const { return budget_; }
  // Only for kSnapshot; the heap owns it. While it lives the isolate is entered on the making thread.
  v8::SnapshotCreator* snapshotCreator() { return creator_.get(); }
  // Ends the snapshot's isolate; nothing of the heap may be used afterwards but the destructor.
  void endSnapshot();

  // Runs tasks that V8 posted for this isolate; needs the isolate locked and entered. At most `kTasksPerTurnMax`.
  void runTasks();
  bool hasTasks() const;

  // All of the heap, once, and gives memory back. Needs the isolate locked and entered.
  void collectUnderPressure();
  // The same when buffers, dead and alive, take much more than was alive when this was last done. V8 alone would look
  // for dead ones when the limit is reached: a body that streams through a script would need all of it.
  void collectBuffers();
  // What collectUnderPressure() may give back at most: what young objects take, and what the heap has grown by since it
  // was last collected whole. Needs the isolate locked.
  size_t spareBytesAtMost() const;

  // Heap, buffers, Wasm memories and V8's own scratch memory, in bytes. Needs the isolate locked.
  size_t usedBytes() const;
  size_t limitBytes() const { return budget_->limitBytes(); }

 private:
  class Delegate;
  size_t buffersMarkMin() const;

  node::MultiIsolatePlatform& platform_;
  std::shared_ptr<MemoryBudget> budget_;
  std::shared_ptr<TaskQueue> tasks_;
  std::unique_ptr<Delegate> delegate_;
  v8::Isolate* isolate_;
  size_t buffersMark_;  // bytes of buffers from which collectBuffers() acts
  std::unique_ptr<v8::SnapshotCreator> creator_;
  size_t collectedBytes_ = 0;  // what it held when it was last collected whole
};

}  // namespace weir::js
