#include "edge/subrequests.h"

#include <algorithm>

namespace weir::edge {

Subrequests::~Subrequests() { keepOnly(nullptr); }

bool Subrequests::start(const wire::Subrequest& effect, InboundBody* clientBody) {
  if (effect.subrequest != last_ + 1) return false;
  ++last_;
  InboundBody* piped = nullptr;
  if (effect.bodyKind == wire::BodyKind::kPipe) {
    piped = effect.pipeFrom == 0 ? clientBody : body(effect.pipeFrom);
    if (piped == nullptr) return false;
  }
  sweep();
  auto made = std::make_unique<Subrequest>(context_, effect);
  if (all_.size() >= limits_.rememberedMax || waitingBytes_ + made->heldBytes() > limits_.waitingBytesMax) {
    refuse(effect.subrequest, "Too many subrequests are open.");
    if (piped != nullptr) (void)piped->onCancel();
    return true;
  }
  Subrequest& subrequest = *made;
  all_.emplace(effect.subrequest, std::move(made));
  if (piped != nullptr && !subrequest.uploadFrom(*piped)) return false;
  if (subrequest.isService()) {  // no connection is made for it, and whom it calls may need all that there can be
    begin(subrequest);
    return true;
  }
  waitingBytes_ += subrequest.heldBytes();
  waiting_.push_back(effect.subrequest);
  beginWaiting();
  return true;
}

void Subrequests::refuse(uint32_t number, std::string_view message) {
  wire::SubrequestFailed failed;
  failed.invocation = context_.voice.id();
  failed.subrequest = number;
  failed.nowMs = context_.clock.wallMs();
  failed.failure = wire::SubrequestFailure::kOther;
  failed.message = message;
  context_.voice.say(failed);
}

void Subrequests::beginWaiting() {
  if (beginning_) return;  // one that fails at once lets the next begin from the loop below
  beginning_ = true;
  while (!waiting_.empty()) {
    Subrequest* const subrequest = find(waiting_.front());
    const bool waits = subrequest != nullptr && !subrequest->headTold();  // else it failed or was cancelled meanwhile
    if (waits && !chain_.takePlace(*this)) break;
    waiting_.pop_front();
    if (subrequest != nullptr) waitingBytes_ -= std::min(waitingBytes_, subrequest->heldBytes());
    if (waits && !begin(*subrequest)) chain_.givePlace();
  }
  if (waiting_.empty()) waitingBytes_ = 0;
  beginning_ = false;
}

bool Subrequests::begin(Subrequest& subrequest) {
  const bool room = makeRoom();
  if (room) subrequest.begin();
  else subrequest.refuse("Too many connections are open.");
  return room;
}

bool Subrequests::makeRoom() {
  if (all_.size() < limits_.connectionsMax) return true;
  size_t open = 0;
  Subrequest* oldest = nullptr;
  for (const auto& [number, subrequest] : all_) {
    if (!subrequest->hasConnection()) continue;
    ++open;
    if (oldest == nullptr && subrequest->headTold() && subrequest->body().untouched()) oldest = subrequest.get();
  }
  if (open < limits_.connectionsMax) return true;
  if (oldest == nullptr) return false;
  oldest->evict("Response closed due to connection limit");
  return true;
}

// Forgets what is over, now and then, so that its cost per subrequest does not grow with their number.
void Subrequests::sweep() {
  if (all_.size() < sweepAt_) return;
  std::erase_if(all_, [](const auto& entry) { return entry.second->over(); });
  sweepAt_ = std::max<size_t>(16, 2 * all_.size());
}

void Subrequests::cancel(uint32_t number) {
  if (Subrequest* subrequest = find(number)) subrequest->cancel("The operation was aborted");
}

Subrequest* Subrequests::find(uint32_t number) {
  const auto at = all_.find(number);
  return at == all_.end() ? nullptr : at->second.get();
}

InboundBody* Subrequests::body(uint32_t number) {
  Subrequest* subrequest = find(number);
  return subrequest != nullptr && subrequest->hasBody() ? &subrequest->body() : nullptr;
}

void Subrequests::keepOnly(const InboundBody* body) {
  std::vector<uint32_t> kept;
  while (body != nullptr) {
    const auto at =
        std::find_if(all_.begin(), all_.end(), [&](const auto& entry) { return &entry.second->body() == body; });
    if (at == all_.end()) break;  // the client's
    kept.push_back(at->first);
    body = at->second->uploadSource();
  }
  const auto dropped = [&](const auto& entry) {
    return std::find(kept.begin(), kept.end(), entry.first) == kept.end();
  };
  // They point at each other: first all let go, then they are destroyed.
  size_t places = 0;
  for (const auto& entry : all_) {
    if (!dropped(entry)) continue;
    places += entry.second->awaitsHead();
    entry.second->detach();
  }
  std::erase_if(all_, dropped);
  waiting_.clear();
  chain_.forget(*this);
  for (; places > 0; --places) chain_.givePlace();  // to others of the chain
}

}  // namespace weir::edge
