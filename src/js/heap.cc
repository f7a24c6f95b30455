#include "js/heap.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

namespace weir::js {

namespace {
constexpr int kTasksPerTurnMax = 64;
constexpr size_t kBuffersMarkBytes = 16u << 20;  // dead ones that may wait: little beside the limit
constexpr size_t kSemiSpaceBytesMax = 8u << 20;
// Pages come as they are needed. With V8's least, a large application's first response is interrupted by a collection
// that copies half of what it made. A heap with a small limit begins with that least: it gets to its limit without
// copying much.
constexpr size_t kSemiSpaceBytesAtFirst = 4u << 20;
}  // namespace

// V8's foreground tasks. Delayed and idle tasks are housekeeping that V8 also does on allocation; they are dropped, so
// that an idle isolate costs no timer.
class TaskQueue final : public v8::TaskRunner {
 public:
  bool IdleTasksEnabled() override { return false; }
  bool NonNestableTasksEnabled() const override { return true; }
  bool NonNestableDelayedTasksEnabled() const override { return false; }

  std::unique_ptr<v8::Task> take() {
    const std::lock_guard lock(mutex_);
    if (tasks_.empty()) return nullptr;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    count_.store(tasks_.size(), std::memory_order_relaxed);
    return task;
  }
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }

  // After this, tasks are destroyed instead of kept: the isolate is going.
  void close() {
    std::deque<std::unique_ptr<v8::Task>> rest;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    rest.swap(tasks_);
    count_.store(0, std::memory_order_relaxed);
  }

 protected:
  void PostTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation&) override { add(std::move(task)); }
  void PostNonNestableTaskImpl(std::unique_ptr<v8::Task> task, const v8::SourceLocation&) override {
    add(std::move(task));
  }
  void PostDelayedTaskImpl(std::unique_ptr<v8::Task>, double, const v8::SourceLocation&) override {}
  void PostNonNestableDelayedTaskImpl(std::unique_ptr<v8::Task>, double, const v8::SourceLocation&) override {}
  void PostIdleTaskImpl(std::unique_ptr<v8::IdleTask>, const v8::SourceLocation&) override {}

 private:
  void add(std::unique_ptr<v8::Task> task) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    tasks_.push_back(std::move(task));
    count_.store(tasks_.size(), std::memory_order_relaxed);
  }
  std::mutex mutex_;
  std::deque<std::unique_ptr<v8::Task>> tasks_;
  std::atomic<size_t> count_{0};
  bool closed_ = false;
};

uint32_t hashMark(v8::Isolate* isolate) {
  const v8::HandleScope handles(isolate);
  return static_cast<uint32_t>(v8::String::NewFromUtf8Literal(isolate, "weir:hash-mark")->GetIdentityHash());
}

class Heap::Delegate final : public node::IsolatePlatformDelegate {
 public:
  explicit Delegate(std::shared_ptr<TaskQueue> tasks) : tasks_(std::move(tasks)) {}
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner() override { return tasks_; }
  bool IdleTasksEnabled() override { return false; }

 private:
  std::shared_ptr<TaskQueue> tasks_;
};

Heap::Heap(node::MultiIsolatePlatform& platform, const HeapOptions& options, Purpose purpose)
    : platform_(platform),
      budget_(std::make_shared<MemoryBudget>(options.limitBytes)),
      tasks_(std::make_shared<TaskQueue>()),
      delegate_(std::make_unique<Delegate>(tasks_)),
      isolate_(v8::Isolate::Allocate()),
      buffersMark_(buffersMarkMin()) {
  platform_.RegisterIsolate(isolate_, delegate_.get());
  v8::Isolate::CreateParams params;
  params.snapshot_blob = options.blob;
  params.external_references = options.externalReferences;
  params.array_buffer_allocator_shared = std::make_shared<BufferAllocator>(budget_);
  params.constraints.set_max_old_generation_size_in_bytes(options.limitBytes);
  params.constraints.set_max_young_generation_size_in_bytes(3 * kSemiSpaceBytesMax);
  params.constraints.set_initial_young_generation_size_in_bytes(
      3 * std::min(kSemiSpaceBytesAtFirst, options.limitBytes / 32));
  if (purpose == Purpose::kSnapshot) {
    creator_ = std::make_unique<v8::SnapshotCreator>(isolate_, params);
  } else {
    v8::Isolate::Initialize(isolate_, params);
  }
  isolate_->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  isolate_->SetAllowAtomicsWait(false);
  v8::HeapStatistics statistics;
  isolate_->GetHeapStatistics(&statistics);
  collectedBytes_ = statistics.used_heap_size();  // a snapshot has no garbage
  isolate_->AddGCEpilogueCallback(
      [](v8::Isolate* isolate, v8::GCType, v8::GCCallbackFlags, void* heap) {
        v8::HeapStatistics statistics;
        isolate->GetHeapStatistics(&statistics);
        auto* self = static_cast<Heap*>(heap);
        self->collectedBytes_ = statistics.used_heap_size();
        self->budget_->setHeap(self->collectedBytes_);
      },
      this, v8::kGCTypeMarkSweepCompact);
}

Heap::~Heap() {
  if (isolate_ == nullptr) return;
  if (creator_) {
    endSnapshot();
    return;
  }
  tasks_->close();
  budget_->onExceeded = nullptr;
  platform_.DisposeIsolate(isolate_);
}

void Heap::endSnapshot() {
  tasks_->close();
  budget_->onExceeded = nullptr;
  creator_.reset();
  platform_.DisposeIsolate(isolate_);
  isolate_ = nullptr;
}

void Heap::runTasks() {
  for (int i = 0; i < kTasksPerTurnMax; ++i) {
    const auto task = tasks_->take();
    if (!task) return;
    task->Run();
  }
}

bool Heap::hasTasks() const { return !tasks_->empty(); }

void Heap::collectUnderPressure() {
  isolate_->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
  isolate_->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
}

void Heap::collectBuffers() {
  if (budget_->bufferBytes() < buffersMark_) return;
  collectUnderPressure();
  buffersMark_ = std::max(buffersMarkMin(), 2 * budget_->bufferBytes());
}

size_t Heap::buffersMarkMin() const { return std::min(kBuffersMarkBytes, limitBytes() / 2); }

size_t Heap::spareBytesAtMost() const {
  v8::HeapStatistics statistics;
  isolate_->GetHeapStatistics(&statistics);
  size_t young = 0;
  for (size_t i = 0; i < isolate_->NumberOfHeapSpaces(); ++i) {
    v8::HeapSpaceStatistics space;
    if (isolate_->GetHeapSpaceStatistics(&space, i) && std::string_view(space.space_name()) == "new_space") {
      young = space.space_size();
    }
  }
  const size_t used = statistics.used_heap_size();
  return young + (used > collectedBytes_ ? used - collectedBytes_ : 0);
}

size_t Heap::usedBytes() const {
  v8::HeapStatistics statistics;
  isolate_->GetHeapStatistics(&statistics);
  // V8's external memory is that of buffers, those that can be resized included; Wasm's is not in it.
  return statistics.used_heap_size() + statistics.malloced_memory() + statistics.external_memory() +
         budget_->wasmBytes();
}

}  // namespace weir::js
