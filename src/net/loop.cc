#include "net/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace weir::net {
namespace {

constexpr std::chrono::milliseconds kWaitForever{-1};

template <class Hook>
void removeHook(std::vector<Hook*>& hooks, Hook& hook) {
  // Only blanked: a hook may be removed while the list is walked. Blanks are swept by the loop.
  std::replace(hooks.begin(), hooks.end(), &hook, static_cast<Hook*>(nullptr));
}

}  // namespace

Loop::Loop(const base::Clock& clock) : clock_(clock), now_(clock.now()), timers_(now_) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll_ >= 0);
  wakeFd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  CHECK(wakeFd_ >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = this;  // no handler has this address
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeFd_, &event) == 0);
}

Loop::~Loop() {
  destroyDisposed();
  close(wakeFd_);
  close(epoll_);
}

void Loop::run() {
  do {
    iterate(kWaitForever);
  } while (!stopping_.load(std::memory_order_acquire));
  stopping_.store(false, std::memory_order_relaxed);
}

void Loop::runOnce(std::chrono::milliseconds wait) { iterate(wait); }

void Loop::stop() {
  stopping_.store(true, std::memory_order_release);
  posted_.store(true, std::memory_order_seq_cst);
  wake();
}

void Loop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(postMutex_);
    postQueue_.push_back(std::move(task));
  }
  posted_.store(true, std::memory_order_seq_cst);
  wake();
}

void Loop::wake() {
  if (!sleeping_.load(std::memory_order_seq_cst)) return;
  if (!sleeping_.exchange(false, std::memory_order_acq_rel)) return;  // another poster wakes it
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wakeFd_, &one, sizeof one);
}

int Loop::timeoutMs(std::chrono::milliseconds waitMax) const {
  if (!disposed_.empty() || !deferred_[0].empty() || !deferred_[1].empty()) return 0;
  int64_t wait = waitMax.count();
  if (const auto next = timers_.findNext()) {
    const auto until = std::chrono::ceil<std::chrono::milliseconds>(*next - clock_.now()).count();
    const int64_t bounded = std::clamp<int64_t>(until, 0, 3'600'000);
    if (wait < 0 || bounded < wait) wait = bounded;
  }
  return static_cast<int>(wait);
}

void Loop::iterate(std::chrono::milliseconds waitMax) {
  bool busy = false;
  std::erase(sleepHooks_, nullptr);
  for (SleepHook* hook : sleepHooks_)
    if (hook && hook->beforeSleep()) busy = true;
  int timeout = busy ? 0 : timeoutMs(waitMax);  // after the hooks: they may defer work or arm timers
  if (timeout != 0) {
    sleeping_.store(true, std::memory_order_seq_cst);
    if (posted_.load(std::memory_order_seq_cst)) timeout = 0;
  }
  const int count = epoll_wait(epoll_, ready_.data(), static_cast<int>(ready_.size()), timeout);
  CHECK(count >= 0 || errno == EINTR);
  sleeping_.store(false, std::memory_order_relaxed);
  for (size_t i = 0; i < sleepHooks_.size(); ++i)
    if (sleepHooks_[i]) sleepHooks_[i]->afterWake();
  now_ = clock_.now();

  readyCount_ = count > 0 ? static_cast<size_t>(count) : 0;
  for (readyNext_ = 0; readyNext_ < readyCount_;) {
    const epoll_event event = ready_[readyNext_++];
    if (event.data.ptr == this) {
      uint64_t ignored;
      [[maybe_unused]] const ssize_t got = read(wakeFd_, &ignored, sizeof ignored);
    } else if (event.data.ptr) {
      static_cast<FdHandler*>(event.data.ptr)->onReady(event.events);
    }
  }
  readyCount_ = 0;
  timers_.advance(now_);
  runPosted();
  for (auto& tasks : deferred_) runDeferred(tasks);
  for (size_t i = 0; i < batchHooks_.size(); ++i)
    if (batchHooks_[i]) batchHooks_[i]->onBatchEnd();
  std::erase(batchHooks_, nullptr);
  destroyDisposed();
}

void Loop::runPosted() {
  if (!posted_.load(std::memory_order_acquire)) return;
  posted_.store(false, std::memory_order_seq_cst);
  {
    const std::lock_guard lock(postMutex_);
    postRunning_.swap(postQueue_);
  }
  for (auto& task : postRunning_) task();
  postRunning_.clear();
}

void Loop::runDeferred(std::vector<DeferredTask*>& tasks) {
  if (tasks.empty()) return;
  deferredRunning_.swap(tasks);
  for (size_t i = 0; i < deferredRunning_.size(); ++i) {
    DeferredTask* task = std::exchange(deferredRunning_[i], nullptr);
    if (!task) continue;
    task->scheduled_ = false;
    task->run_();  // may drop this task and others
  }
  deferredRunning_.clear();
}

DeferredTask::~DeferredTask() {
  if (!scheduled_) return;
  for (auto* tasks : {&loop_.deferred_[static_cast<size_t>(order_)], &loop_.deferredRunning_}) {
    std::replace(tasks->begin(), tasks->end(), this, static_cast<DeferredTask*>(nullptr));
  }
}

void DeferredTask::schedule() {
  if (std::exchange(scheduled_, true)) return;
  loop_.deferred_[static_cast<size_t>(order_)].push_back(this);
}

void Loop::destroyDisposed() {
  // A destructor may dispose of more.
  while (!disposed_.empty()) {
    std::vector<Disposed> batch;
    batch.swap(disposed_);
    for (const Disposed& each : batch) each.destroy(each.object);
  }
}

void Loop::watch(int fd, uint32_t events, FdHandler& handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void Loop::rewatch(int fd, uint32_t events, FdHandler& handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void Loop::unwatch(int fd, FdHandler& handler) {
  epoll_event event{};
  CHECK(epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, &event) == 0);
  for (size_t i = readyNext_; i < readyCount_; ++i)
    if (ready_[i].data.ptr == &handler) ready_[i].data.ptr = nullptr;
}

void Loop::addBatchHook(BatchHook& hook) { batchHooks_.push_back(&hook); }
void Loop::removeBatchHook(BatchHook& hook) { removeHook(batchHooks_, hook); }
void Loop::addSleepHook(SleepHook& hook) { sleepHooks_.push_back(&hook); }
void Loop::removeSleepHook(SleepHook& hook) { removeHook(sleepHooks_, hook); }

}  // namespace weir::net
