// CheckQueue: versions that wait to be checked, and the threads that check them, each version in an engine of its own
// that ends with it. A nursery makes those engines (nursery_keeper.h); where there is none, a spare engine may stand
// ready, so that a deploy does not wait for a process to start.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/nursery_keeper.h"
#include "sandbox/version_check.h"

namespace weir::sandbox {

class CheckQueue {
 public:
  struct Options {
    VersionCheck::Options check;
    uint32_t threads = 1;  // checks at a time
    // Checks will come again and again: what they need is started ahead. Else it is started for them.
    bool keepReady = false;
    size_t waitingMax = 65'536;
    // A nursery that could not be started, or was lost. On a thread of the queue; calls nothing of it.
    std::function<void(const std::string& problem)> onProblem{};
  };
  explicit CheckQueue(Options options);
  // Gives up what waits and what runs: their `done` is not called any more.
  ~CheckQueue();
  CheckQueue(const CheckQueue&) = delete;
  CheckQueue& operator=(const CheckQueue&) = delete;

  struct Job {
    wire::Descriptor bundle;  // sealed (wire/bundle.h)
    bool writeHeap = true;
    // On a thread of the queue, once. An error: no verdict was reached, after a second attempt.
    std::function<void(base::Result<CheckVerdict> verdict)> done;
  };
  // Any thread. False: too many wait.
  [[nodiscard]] bool submit(Job job);
  // Runs on a thread of the queue when nothing waits any more.
  void whenIdle(std::function<void()> work);

 private:
  using Lock = std::unique_lock<std::mutex>;
  void work();
  void report(const std::string& problem);
  bool lacksSomething();  // under the lock
  void getReady(Lock& lock);
  base::Result<CheckVerdict> check(const Job& job);
  struct Outcome {
    base::Result<CheckVerdict> verdict;
    bool died;
  };
  Outcome attempt(const Job& job, wire::CheckVersion wanted);
  base::Result<std::unique_ptr<VersionCheck>> engineFor(int attempt);
  std::unique_ptr<VersionCheck> takeSpare();

  const Options options_;
  wire::Descriptor stop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::deque<std::function<void()>> idleWork_;
  uint32_t running_ = 0;
  NurseryKeeper nursery_;
  std::unique_ptr<VersionCheck> spare_;
  bool preparing_ = false;
  bool spareFailed_ = false;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace weir::sandbox
