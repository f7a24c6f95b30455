// The event loop of one thread: level-triggered epoll, timers, work posted by other threads, and hooks around the
// moments that matter to whoever batches wake-ups (the rings to the engines).
//
// One iteration: sleep hooks are asked whether they have work → epoll_wait (blocking only if nobody has) → hooks are
// told the loop is awake → `now()` is read once → ready descriptors → due timers → posted and deferred work → batch
// hooks → disposed objects are destroyed.
//
// Threads: everything belongs to the thread in `run()`, before `run()` to the thread that will call it, except
// `post` and `stop`, which any thread may call.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "net/timer_wheel.h"

namespace weir::net {

// Receives readiness of one descriptor. A handler watches at most one descriptor at a time.
class FdHandler {
 public:
  // `events` is a set of EPOLL… bits. May unwatch and destroy any handler, itself included.
  virtual void onReady(uint32_t events) = 0;

 protected:
  ~FdHandler() = default;
};

class BatchHook {
 public:
  // Called at the end of every iteration, after every ready descriptor, timer and posted task was handled.
  virtual void onBatchEnd() = 0;

 protected:
  ~BatchHook() = default;
};

class SleepHook {
 public:
  // Called before every epoll_wait. True: "I have work", the loop polls without blocking; false: it may block until
  // a descriptor, timer or post wakes it.
  virtual bool beforeSleep() = 0;
  // Called once after that epoll_wait, whether it blocked or not.
  virtual void afterWake() = 0;

 protected:
  ~SleepHook() = default;
};

class Loop;

// Something to do soon on the loop's thread, once the frames below have returned. A resource: dropping it cancels it.
// Scheduling costs no allocation and no system call.
class DeferredTask {
 public:
  // kLast is for what gathers output: it runs after every kSoon task, so that what those write leaves with it.
  enum class Order : uint8_t { kSoon, kLast };

  DeferredTask(Loop& loop, std::function<void()> run, Order order = Order::kSoon)
      : loop_(loop), run_(std::move(run)), order_(order) {}
  ~DeferredTask();

  DeferredTask(const DeferredTask&) = delete;
  DeferredTask& operator=(const DeferredTask&) = delete;

  // Runs once, at the end of this iteration or, when that has passed, of the next. Scheduling twice is scheduling once.
  void schedule();

 private:
  friend class Loop;

  Loop& loop_;
  std::function<void()> run_;
  const Order order_;
  bool scheduled_ = false;
};

class Loop {
 public:
  static constexpr size_t kEventsPerIterationMax = 256;

  // `clock` is borrowed and outlives the loop. Stops the process when the kernel gives no epoll or eventfd.
  explicit Loop(const base::Clock& clock);
  ~Loop();

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until `stop()`. May be called again afterwards.
  void run();

  // One iteration; waits at most `wait` for something to happen. For tests and for embedding in another loop.
  void runOnce(std::chrono::milliseconds wait);

  // Any thread. The current iteration is finished first; a stop before `run()` makes it return after one iteration.
  void stop();

  // Any thread. Runs `task` on the loop's thread in this or the next iteration, in order of posting. Costs a system
  // call only when the loop may be asleep. Tasks still queued when the loop is destroyed are dropped unrun.
  void post(std::function<void()> task);

  // The time when the current iteration began. Outside an iteration: when the last one began.
  base::Instant now() const { return now_; }
  const base::Clock& clock() const { return clock_; }
  TimerWheel& timers() { return timers_; }

  // Descriptors are borrowed: unwatch before closing one. `events` are EPOLL… bits; EPOLLERR and EPOLLHUP always come.
  void watch(int fd, uint32_t events, FdHandler& handler);
  void rewatch(int fd, uint32_t events, FdHandler& handler);
  // Events of `handler` that this iteration has not delivered yet are dropped.
  void unwatch(int fd, FdHandler& handler);

  // Borrowed until removed; may be removed from within a hook.
  void addBatchHook(BatchHook& hook);
  void removeBatchHook(BatchHook& hook);
  void addSleepHook(SleepHook& hook);
  void removeSleepHook(SleepHook& hook);

  // Destroys `object` at the end of the iteration, when no frame below can still be using it. Loop thread only.
  template <class T>
  void dispose(std::unique_ptr<T> object) {
    if (object) disposed_.push_back({object.release(), [](void* raw) { delete static_cast<T*>(raw); }});
  }

 private:
  friend class DeferredTask;

  struct Disposed {
    void* object;
    void (*destroy)(void*);
  };

  void iterate(std::chrono::milliseconds waitMax);
  int timeoutMs(std::chrono::milliseconds waitMax) const;
  void runPosted();
  void runDeferred(std::vector<DeferredTask*>& tasks);
  void destroyDisposed();
  void wake();

  const base::Clock& clock_;
  int epoll_ = -1;
  int wakeFd_ = -1;
  base::Instant now_;
  TimerWheel timers_;
  std::array<epoll_event, kEventsPerIterationMax> ready_{};
  size_t readyCount_ = 0;
  size_t readyNext_ = 0;
  std::vector<BatchHook*> batchHooks_;
  std::vector<SleepHook*> sleepHooks_;
  std::vector<Disposed> disposed_;
  std::array<std::vector<DeferredTask*>, 2> deferred_;  // by order; null where one was dropped
  std::vector<DeferredTask*> deferredRunning_;          // likewise

  // `posted_` is raised after a task is queued, `sleeping_` before the last look at `posted_`: one of the two sides
  // always sees the other.
  std::mutex postMutex_;
  std::vector<std::function<void()>> postQueue_;
  std::vector<std::function<void()>> postRunning_;
  std::atomic<bool> posted_{false};
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopping_{false};
};

}  // namespace weir::net
