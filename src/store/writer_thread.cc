#include "store/writer_thread.h"

#include <future>

#include "base/this_thread.h"

namespace weir::store {

WriterThread::WriterThread(Options options) : options_(std::move(options)), thread_([this] { work(); }) {}

WriterThread::~WriterThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool WriterThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || tasks_.size() >= options_.tasksMax) return false;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

bool WriterThread::run(const std::function<void()>& task) {
  std::promise<void> done;
  if (!post([&] {
        task();
        done.set_value();
      })) {
    return false;
  }
  done.get_future().wait();
  return true;
}

void WriterThread::work() {
  base::nameThisThread("writer");
  base::workInBackground();
  using Clock = std::chrono::steady_clock;
  auto nextTick = Clock::now() + options_.tick;
  const bool ticks = options_.tick.count() > 0 && options_.onTick;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto due = [&] { return stopping_ || !tasks_.empty(); };
    if (ticks) wake_.wait_until(lock, nextTick, due);
    else wake_.wait(lock, due);
    if (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    } else if (stopping_) {
      break;
    }
    // Between tasks too, so that a stream of them does not keep the tick waiting.
    if (ticks && Clock::now() >= nextTick) {
      lock.unlock();
      options_.onTick();
      lock.lock();
      nextTick = Clock::now() + options_.tick;
    }
  }
  lock.unlock();
  if (options_.onStop) options_.onStop();
}

}  // namespace weir::store
