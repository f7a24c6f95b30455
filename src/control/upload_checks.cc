#include "control/upload_checks.h"

#include <unistd.h>

#include <condition_variable>
#include <optional>

namespace weir::control {

namespace {

// One that waits for its verdict.
struct Waiter {
  std::mutex mutex;
  std::condition_variable wake;
  std::optional<base::Result<sandbox::CheckVerdict>> verdict;

  void set(base::Result<sandbox::CheckVerdict> given) {
    const std::lock_guard lock(mutex);
    if (!verdict) verdict.emplace(std::move(given));
    wake.notify_all();
  }
};

// The queue's end of it. It goes with the job, whether that was done or given up.
struct Promise {
  std::shared_ptr<Waiter> waiter;
  ~Promise() { waiter->set(base::Error{"the platform is stopping"}); }
};

}  // namespace

UploadChecks::UploadChecks(Options options) : options_(std::move(options)) {}

base::Result<UploadChecks::Verdict> UploadChecks::check(const CheckBundle& bundle, const std::string& script) {
  if (auto known = options_.store.find(bundle.key)) return Verdict(std::move(*known));
  const auto waiter = std::make_shared<Waiter>();
  {
    auto job = jobFor(bundle);
    job.done = [promise = std::make_shared<Promise>(waiter)](base::Result<sandbox::CheckVerdict> verdict) {
      promise->waiter->set(std::move(verdict));
    };
    if (auto status = submit(std::move(job)); !status.ok()) return status.error();
  }
  std::unique_lock lock(waiter->mutex);
  waiter->wake.wait(lock, [&] { return waiter->verdict.has_value(); });
  auto verdict = std::move(*waiter->verdict);
  lock.unlock();
  if (!verdict.ok()) return verdict.error();
  if (auto* refusal = std::get_if<sandbox::StartRefusal>(&*verdict)) return Verdict(std::move(*refusal));
  const auto& checked = std::get<sandbox::CheckedVersion>(*verdict);
  auto record = options_.store.put(bundle.key, checked, script);
  sweepIfDue();
  // Without its image it starts from its source.
  if (!record.ok()) {
    return Verdict(sandbox::VersionRecord{
        checked.handlers, checked.startupUs, "its image could not be stored: " + record.error().message, {}});
  }
  return Verdict(std::move(record).value());
}

sandbox::CheckQueue::Job UploadChecks::jobFor(const CheckBundle& bundle) const {
  sandbox::CheckQueue::Job job;
  job.bundle = wire::Descriptor(::dup(bundle.sealed.get()));
  job.writeHeap = options_.keepHeaps && bundle.mayKeepHeap;
  return job;
}

base::Status UploadChecks::submit(sandbox::CheckQueue::Job job) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return base::Error{"the platform is stopping"};
  if (!queue_) queue_ = std::make_shared<sandbox::CheckQueue>(options_.queue);
  if (!queue_->submit(std::move(job))) return base::Error{"too many uploads wait for their check"};
  return base::Nothing{};
}

// Images of versions that nobody uses go, and need not wait for the next start.
void UploadChecks::sweepIfDue() {
  const std::lock_guard lock(mutex_);
  if (queue_ && options_.store.takeSweepDue()) queue_->whenIdle([&store = options_.store] { store.sweep(); });
}

void UploadChecks::renew(CheckBundle bundle, std::shared_ptr<const sandbox::RunnableVersion> version) {
  auto job = jobFor(bundle);
  job.done = [this, key = std::move(bundle.key), version = std::move(version)](auto verdict) {
    const auto* checked = verdict.ok() ? std::get_if<sandbox::CheckedVersion>(&*verdict) : nullptr;
    if (checked == nullptr) return;
    auto record = options_.store.put(key, *checked, version->script);
    if (record.ok() && record->image && !version->image) version->image.set(std::move(*record->image));
  };
  (void)submit(std::move(job));  // it starts from its source, and is asked for again when it is next loaded
}

void UploadChecks::stop() {
  std::shared_ptr<sandbox::CheckQueue> queue;  // its threads end without the lock
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  queue = std::move(queue_);
}

}  // namespace weir::control
