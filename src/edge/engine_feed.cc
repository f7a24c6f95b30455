#include "edge/engine_feed.h"

#include <algorithm>

namespace weir::edge {

namespace {

constexpr std::chrono::milliseconds kRetryEvery{1};

}  // namespace

void EngineFeed::keep(std::vector<uint8_t> bytes) {
  if (link_.condemned()) return;
  if (waiting_.empty()) movedAt_ = loop_.now();
  waitingBytes_ += bytes.size();
  if (waitingBytes_ > kWaitingBytesMax) return link_.condemn(observe::EngineDeath::kUnresponsive);
  waiting_.push_back(std::move(bytes));
  if (!retry_.armed()) retry_.arm(loop_.now() + kRetryEvery);
}

void EngineFeed::retry() {
  while (!waiting_.empty() && link_.sendEncoded(waiting_.front())) {
    waitingBytes_ -= waiting_.front().size();
    waiting_.pop_front();
    movedAt_ = loop_.now();
  }
  if (!waiting_.empty() && loop_.now() - movedAt_ > kStuckMax) link_.condemn(observe::EngineDeath::kUnresponsive);
  if (roomy()) {
    // A waiter may fill the ring, wait again, or forget another one.
    const auto waiters = roomWaiters_.size();
    for (size_t i = 0; i < waiters && roomy(); ++i) {
      if (RoomWaiter* waiter = std::exchange(roomWaiters_[i], nullptr)) waiter->onRoom();
    }
    std::erase(roomWaiters_, nullptr);
  }
  if ((!waiting_.empty() || !roomWaiters_.empty()) && !link_.condemned()) retry_.arm(loop_.now() + kRetryEvery);
}

void EngineFeed::waitForRoom(RoomWaiter& waiter) {
  roomWaiters_.push_back(&waiter);
  if (!retry_.armed()) retry_.arm(loop_.now() + kRetryEvery);
}

void EngineFeed::forget(RoomWaiter& waiter) {
  std::replace(roomWaiters_.begin(), roomWaiters_.end(), &waiter, static_cast<RoomWaiter*>(nullptr));
}

}  // namespace weir::edge
