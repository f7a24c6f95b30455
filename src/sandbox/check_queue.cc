#include "sandbox/check_queue.h"
#include "base/this_thread.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace weir::sandbox {

namespace {

constexpr int kAttempts = 2;
constexpr size_t kManyJobs = 4;  // that wait: a nursery is started for them

}  // namespace

CheckQueue::CheckQueue(Options options)
    : options_(std::move(options)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      nursery_([this] { return VersionCheck::startNursery(options_.check, stop_.get()); },
               [this](const std::string& problem) { report(problem); }) {
  CHECK(options_.threads > 0);
  for (uint32_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
}

void CheckQueue::report(const std::string& problem) {
  if (!stopping_ && options_.onProblem) options_.onProblem(problem);
}

CheckQueue::~CheckQueue() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
    jobs_.clear();
    idleWork_.clear();
  }
  const uint64_t one = 1;
  CHECK(::write(stop_.get(), &one, sizeof one) == sizeof one);
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool CheckQueue::submit(Job job) {
  {
    const Lock lock(mutex_);
    if (jobs_.size() >= options_.waitingMax) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void CheckQueue::whenIdle(std::function<void()> work) {
  {
    const Lock lock(mutex_);
    idleWork_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void CheckQueue::work() {
  // Of this thread: starting an engine is a millisecond in the kernel.
  if (options_.check.yielding) ::setpriority(PRIO_PROCESS, 0, VersionCheck::kYieldingNice);
  base::nameThisThread("check");
  base::workInBackground();
  Lock lock(mutex_);
  while (!stopping_) {
    const bool wantsMore = options_.keepReady || jobs_.size() >= kManyJobs;
    if (wantsMore && !preparing_ && lacksSomething()) {
      getReady(lock);
    } else if (!jobs_.empty()) {
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      ++running_;
      lock.unlock();
      auto verdict = check(job);
      lock.lock();
      const bool wanted = !stopping_;
      lock.unlock();
      if (wanted) job.done(std::move(verdict));
      job = {};
      lock.lock();
      --running_;
    } else if (running_ == 0 && !idleWork_.empty()) {
      const auto idle = std::move(idleWork_.front());
      idleWork_.pop_front();
      ++running_;
      lock.unlock();
      idle();
      lock.lock();
      --running_;
    } else {
      if (!options_.keepReady && running_ == 0) nursery_.drop();
      wake_.wait(lock);
    }
  }
}

bool CheckQueue::lacksSomething() { return nursery_.due() || (!spare_ && !spareFailed_ && !nursery_.running()); }

void CheckQueue::getReady(Lock& lock) {
  preparing_ = true;
  lock.unlock();
  std::unique_ptr<VersionCheck> spare;
  bool failed = false;
  if (nursery_.due()) nursery_.start();
  if (!nursery_.running()) {
    auto made = VersionCheck::prepare(options_.check, stop_.get());
    failed = !made.ok();  // the next check says why
    if (!failed) spare = std::move(made).value();
  }
  lock.lock();
  preparing_ = false;
  spareFailed_ = failed;
  spare_ = std::move(spare);
}

std::unique_ptr<VersionCheck> CheckQueue::takeSpare() {
  const Lock lock(mutex_);
  spareFailed_ = false;
  return std::exchange(spare_, nullptr);
}

// The last attempt has nothing to do with a nursery.
base::Result<std::unique_ptr<VersionCheck>> CheckQueue::engineFor(int attempt) {
  if (attempt == 0) {
    if (auto made = nursery_.make()) return VersionCheck::prepare(options_.check, std::move(made), stop_.get());
    if (auto spare = takeSpare(); spare && spare->alive()) return spare;
  }
  return VersionCheck::prepare(options_.check, stop_.get());
}

CheckQueue::Outcome CheckQueue::attempt(const Job& job, wire::CheckVersion wanted) {
  Outcome outcome{base::Error{}, false};
  for (int i = 0; i < kAttempts; ++i) {
    auto engine = engineFor(i);
    if (!engine.ok()) {
      outcome.verdict = engine.error();
      continue;
    }
    outcome = {(*engine)->run(job.bundle, wanted), (*engine)->died()};
    if (outcome.verdict.ok() || (*engine)->timedOut()) break;
    const Lock lock(mutex_);
    if (stopping_) break;
  }
  return outcome;
}

base::Result<CheckVerdict> CheckQueue::check(const Job& job) {
  const auto passed = [](Outcome& outcome) {
    return outcome.verdict.ok() ? std::get_if<CheckedVersion>(&*outcome.verdict) : nullptr;
  };
  Outcome first = attempt(job, {job.writeHeap, true});
  // A request may end an engine, and V8 aborts on some heaps that are to be written: what happens without counts.
  if (first.died && passed(first) != nullptr) first = attempt(job, {job.writeHeap, false});
  if (!first.died || !job.writeHeap) return std::move(first.verdict);
  Outcome second = attempt(job, {false, false});
  if (auto* again = passed(second)) {
    const auto* before = passed(first);
    again->reason =
        before != nullptr ? before->reason : "V8 aborts on the top-level scope where the heap would be written";
  }
  return std::move(second.verdict);
}

}  // namespace weir::sandbox
