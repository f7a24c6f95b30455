#include "js/worker_tasks.h"

#include <libplatform/libplatform.h>
#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "js/protected_memory.h"

namespace weir::js {

namespace {

struct Tasks {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::unique_ptr<v8::Task>> waiting;
  bool enabled = false;
  bool started = false;
};

Tasks& tasks() {
  static auto* all = new Tasks();  // a thread may use it when statics have gone
  return *all;
}

void* work(void*) {
  Tasks& all = tasks();
  std::unique_lock lock(all.mutex);
  for (;;) {
    all.wake.wait(lock, [&] { return !all.waiting.empty(); });
    auto task = std::move(all.waiting.front());
    all.waiting.pop_front();
    lock.unlock();
    task->Run();
    task.reset();
    lock.lock();
  }
}

// Under the lock. Without a thread, functions stay as they are: slower, and right.
void startIfNeeded(Tasks& all) {
  if (!all.enabled || all.started || all.waiting.empty()) return;
  pthread_t thread{};
  all.started = pthread_create(&thread, nullptr, &work, nullptr) == 0;
  if (all.started) pthread_detach(thread);
}

// What the host's virtual functions become; the first argument is the platform, which the caller takes for `this`.
void postTask(v8::Platform*, v8::TaskPriority, std::unique_ptr<v8::Task> task, const v8::SourceLocation&) {
  Tasks& all = tasks();
  const std::lock_guard lock(all.mutex);
  all.waiting.push_back(std::move(task));
  startIfNeeded(all);
  all.wake.notify_one();
}

void postDelayedTask(v8::Platform*, v8::TaskPriority, std::unique_ptr<v8::Task>, double, const v8::SourceLocation&) {}

std::unique_ptr<v8::JobHandle> createJob(v8::Platform* platform, v8::TaskPriority priority,
                                         std::unique_ptr<v8::JobTask> job, const v8::SourceLocation&) {
  return v8::platform::NewDefaultJobHandle(platform, priority, std::move(job), 1);
}

// Which entry of a class's table of virtual functions a function is: the C++ ABI has it in pointers to members.
template <class Function>
size_t entryOf(Function function) {
  struct {
    uintptr_t first;
    uintptr_t second;
  } parts{};
  static_assert(sizeof parts == sizeof function);
  std::memcpy(&parts, &function, sizeof parts);
#if defined(__aarch64__)
  return parts.first / sizeof(void*);
#else
  return (parts.first - 1) / sizeof(void*);
#endif
}

// Only to name what is protected.
struct Names : node::MultiIsolatePlatform {
  static size_t postTask() { return entryOf(&Names::PostTaskOnWorkerThreadImpl); }
  static size_t postDelayedTask() { return entryOf(&Names::PostDelayedTaskOnWorkerThreadImpl); }
  static size_t createJob() { return entryOf(&Names::CreateJobImpl); }
};

}  // namespace

bool takeOverWorkerTasks(node::MultiIsolatePlatform& platform) {
  void** table = *reinterpret_cast<void***>(&platform);
  const std::pair<size_t, void*> entries[] = {{Names::postTask(), reinterpret_cast<void*>(&postTask)},
                                              {Names::postDelayedTask(), reinterpret_cast<void*>(&postDelayedTask)},
                                              {Names::createJob(), reinterpret_cast<void*>(&createJob)}};
  for (const auto& [entry, function] : entries) {
    if (!writeProtected(table + entry, function)) return false;
  }
  return true;
}

void dropWorkerTasks() {
  std::deque<std::unique_ptr<v8::Task>> dropped;
  const std::lock_guard lock(tasks().mutex);
  dropped.swap(tasks().waiting);
}

void runWorkerTasks() {
  Tasks& all = tasks();
  const std::lock_guard lock(all.mutex);
  all.enabled = true;
  startIfNeeded(all);
}

}  // namespace weir::js
