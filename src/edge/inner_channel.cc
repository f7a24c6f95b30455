#include "edge/inner_channel.h"

namespace weir::edge {

namespace websocket = http::websocket;

std::pair<std::unique_ptr<InnerChannel>, std::unique_ptr<InnerChannel>> InnerChannel::makePair(net::Loop& loop) {
  std::unique_ptr<InnerChannel> one(new InnerChannel(loop));
  std::unique_ptr<InnerChannel> two(new InnerChannel(loop));
  one->other_ = two.get();
  two->other_ = one.get();
  return {std::move(one), std::move(two)};
}

InnerChannel::~InnerChannel() { vanish(); }

// The other end hears of it behind what waits there.
void InnerChannel::vanish() {
  if (other_ == nullptr) return;
  InnerChannel* const other = std::exchange(other_, nullptr);
  other->other_ = nullptr;
  other->pump_.schedule();
}

void InnerChannel::setEvents(websocket::ChannelEvents& events) {
  events_ = &events;
  pump_.schedule();
}

void InnerChannel::receive(Item item) {
  waitingBytes_ += item.text.size() + kPieceCost;
  waiting_.push_back(std::move(item));
  pump_.schedule();
}

void InnerChannel::send(websocket::MessageKind kind, std::span<const std::byte> bytes, bool last) {
  if (closeSent_ || failed_ || other_ == nullptr) return;
  other_->receive({false, kind, last, 0, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
}

void InnerChannel::close(uint16_t code, std::string_view reason) {
  if (closeSent_ || failed_) return;
  closeSent_ = true;
  if (other_ != nullptr) other_->receive({true, {}, false, code, std::string(reason)});
  pump_.schedule();
}

void InnerChannel::fail(uint16_t code, std::string_view reason) {
  if (failed_) return;
  if (code != websocket::kLost) {
    close(code, reason);
  } else if (other_ != nullptr) {
    other_->waiting_.clear();
    other_->waitingBytes_ = 0;
  }
  failed_ = closeSent_ = true;
  vanish();
  pump_.schedule();
}

void InnerChannel::pump() {
  if (events_ == nullptr) return;
  while (!failed_ && !waiting_.empty() && (waiting_.front().isClose || events_->wantsPieces())) {
    const Item item = std::move(waiting_.front());
    waiting_.pop_front();
    const size_t before = waitingBytes_;
    waitingBytes_ -= item.text.size() + kPieceCost;
    constexpr size_t kLowWater = websocket::Limits{}.lowWaterBytes;
    if (other_ != nullptr && before > kLowWater && waitingBytes_ <= kLowWater) {
      other_->drained_ = true;
      other_->pump_.schedule();
    }
    if (item.isClose) {
      closeReceived_ = true;
      events_->onClose(item.code, item.text);
    } else {
      events_->onPiece(item.kind, std::as_bytes(std::span(item.text)), item.last);
    }
  }
  if (std::exchange(drained_, false) && !failed_) events_->onDrained();
  const bool closed = closeSent_ && closeReceived_;
  const bool alone = other_ == nullptr && waiting_.empty();
  if (!failed_ && !closed && !alone) return;
  vanish();
  websocket::End end;
  end.clean = closeReceived_;
  end.reason = "the other script's end has gone";
  std::exchange(events_, nullptr)->onEnd(end);
}

}  // namespace weir::edge
