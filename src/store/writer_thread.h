// WriterThread: the one thread of a process that writes a store. Whoever wants something written posts a task.
//
// Threads: `post` from any; tasks, `onTick` and `onStop` run on the thread itself, one after the other.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace weir::store {

class WriterThread {
 public:
  struct Options {
    size_t tasksMax = 4096;             // waiting
    std::chrono::milliseconds tick{0};  // `onTick` this long after the one before; 0: never
    std::function<void()> onTick = {};
    std::function<void()> onStop = {};  // the last thing, behind every task
  };

  explicit WriterThread(Options options);
  // Runs what is queued, then `onStop`.
  ~WriterThread();

  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  // False: tasksMax wait already, nothing was queued.
  [[nodiscard]] bool post(std::function<void()> task);
  // Waits until the task has run. Not from the thread itself. False as for `post`.
  [[nodiscard]] bool run(const std::function<void()>& task);

 private:
  void work();

  const Options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::store
