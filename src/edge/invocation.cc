#include "edge/invocation.h"

#include "edge/error_page.h"
#include "edge/head_block.h"

namespace weir::edge {

namespace {

constexpr size_t kLogBytesMax = wire::Bounds::kLogBytesMax;
constexpr size_t kCallsMax = 64;  // open at a time

}  // namespace

Invocation::Invocation(EdgeLoop& loop, wire::InvocationId id, std::shared_ptr<const sandbox::RunnableVersion> version)
    : loop_(loop), id_(id), version_(std::move(version)) {}

Invocation::~Invocation() = default;

void Invocation::start(http::Exchange& exchange, const Ray& ray) {
  exchange_ = &exchange;
  ray_ = ray;
  const auto& request = exchange.head();
  startedMs_ = loop_.options_.clock.wallMs();
  started_ = loop_.loop_.now();
  method_ = request.method;
  url_.append(exchange.isTls() ? "https://" : "http://").append(request.authority).append(request.target);
  appendHead(head_, request.headers);
  head_ += "cf-ray\n";
  head_.append(ray.header()).append("\ncf-connecting-ip\n").append(exchange.remoteIp()).append("\n");

  wire::StartFetch event;
  event.invocation = id_;
  event.version = version_->number;
  event.nowMs = startedMs_;
  event.method = method_;
  event.url = url_;
  event.head.text = head_;
  const auto body = exchange.takeCompleteBody();
  if (body && body->size() <= wire::Bounds::kInlineBodyBytesMax) {
    if (!body->empty()) {
      event.bodyKind = wire::BodyKind::kInline;
      event.body = asWire(*body);
      event.bodyLength = body->size();
    }
    inboundEnded_ = true;
  } else {
    event.bodyKind = wire::BodyKind::kStream;
    if (request.framing == http::Framing::kLength) event.bodyLength = request.contentLength;
  }
  exchange.setEvents(*this);
  const auto seating = loop_.seatFor(*version_);
  if (seating.seat == nullptr) {
    wire::encode<wire::Event>(event, held_);
    if (!loop_.hold(*this, held_.size())) settle(wire::Outcome::kLoadShed, 0);
    return;
  }
  seatOn(seating);
  if (!seat_->link->ensureLoaded(*version_) || !seat_->link->send(event)) settle(wire::Outcome::kLoadShed, 0);
}

bool Invocation::resume() {
  const auto seating = loop_.seatFor(*version_);
  if (seating.seat == nullptr) return false;
  seatOn(seating);
  const std::vector<uint8_t> event = std::move(held_);
  held_.clear();
  if (!seat_->link->ensureLoaded(*version_) || !seat_->link->sendEncoded(event)) settle(wire::Outcome::kLoadShed, 0);
  return true;
}

void Invocation::seatOn(EdgeLoop::Seating seating) {
  seat_ = seating.seat;
  rank_ = seating.rank;
  sentAt_ = loop_.loop_.now();
  waiting_ = true;
  seat_->invocationStarted();
  if (rank_ != EdgeLoop::kNoRank) version_->placement(loop_.options_.index).sent(rank_, sentAt_);
}

void Invocation::creditResponse(uint32_t bytes) {
  owedCredit_ += bytes;
  if (exchange_ == nullptr || exchange_->pendingBytes() > kPauseBytes || owedCredit_ < wire::Bounds::kChunkBytesMax) return;
  window_ += owedCredit_;
  send(wire::BodyCredit{id_, 0, std::exchange(owedCredit_, 0)});
}

void Invocation::writeToClient(std::span<const std::byte> bytes) {
  if (exchange_ == nullptr) return;
  responseBytes_ += bytes.size();
  if (exchange_->write(bytes) == http::WriteOutcome::kTaken) return;
  cutResponse();
}

void Invocation::finishResponse() {
  if (exchange_ == nullptr) return releaseIfOver();
  (void)exchange_->finish();
  exchange_ = nullptr;
  releaseIfOver();
}

void Invocation::cutResponse() {
  if (exchange_ != nullptr) {
    exchange_->abort();
    exchange_ = nullptr;
  }
  releaseIfOver();
}

bool Invocation::on(const wire::Respond& effect) {
  if (responded_ || done_) return false;
  responded_ = true;
  if (effect.status < 200 || effect.status > 599) return false;
  status_ = effect.status;
  if (exchange_ == nullptr) return true;
  http::HeaderList headers = headersOf(effect.head);
  headers.set("cf-ray", ray_.header());
  if (effect.bodyKind == wire::BodyKind::kNone || effect.bodyKind == wire::BodyKind::kInline) {
    responseBytes_ = effect.body.size();
    http::Exchange& exchange = *exchange_;
    exchange_ = nullptr;
    if (!exchange.respond(effect.status, headers, {reinterpret_cast<const char*>(effect.body.data()), effect.body.size()})) {
      errorCode_ = 1101;
      loop_.respondWithPage(exchange, 1101, ray_);
    }
    return true;
  }
  std::optional<uint64_t> length;
  if (effect.bodyLength != wire::kLengthUnknown) length = effect.bodyLength;
  if (!exchange_->startResponse(effect.status, headers, length)) {
    http::Exchange& exchange = *exchange_;
    exchange_ = nullptr;
    errorCode_ = 1101;
    loop_.respondWithPage(exchange, 1101, ray_);
    return true;
  }
  streaming_ = true;
  if (effect.bodyKind == wire::BodyKind::kStream) return true;
  if (effect.pipeFrom == 0) {
    echo_ = true;
    if (inboundEnded_) finishResponse();
    else exchange_->readMore(wire::Bounds::kStreamWindowBytes);
    return true;
  }
  const auto at = calls_.find(effect.pipeFrom);
  if (at == calls_.end()) return false;
  pipedFrom_ = effect.pipeFrom;
  at->second->piped = true;
  if (at->second->ended || !at->second->open()) {
    finishResponse();
  } else {
    at->second->readMore(wire::Bounds::kStreamWindowBytes);
  }
  return true;
}

bool Invocation::on(const wire::BodyChunk& effect) {
  if (effect.stream != 0) {
    const auto at = calls_.find(effect.stream);
    if (at != calls_.end()) at->second->upload(asBytes(effect.bytes));
    return true;
  }
  if (!streaming_ && exchange_ != nullptr) return false;
  if (effect.bytes.size() > window_) return false;
  window_ -= effect.bytes.size();
  writeToClient(asBytes(effect.bytes));
  creditResponse(static_cast<uint32_t>(effect.bytes.size()));
  return true;
}

bool Invocation::on(const wire::BodyEnd& effect) {
  if (effect.stream == 0) {
    finishResponse();
  } else if (const auto at = calls_.find(effect.stream); at != calls_.end()) {
    at->second->uploadEnd();
  }
  return true;
}

bool Invocation::on(const wire::BodyAbort& effect) {
  if (effect.stream == 0) {
    if (streaming_) cutResponse();
  } else if (const auto at = calls_.find(effect.stream); at != calls_.end()) {
    at->second->cancel();
  }
  return true;
}

bool Invocation::on(const wire::BodyCredit& effect) {
  if (effect.stream == 0) {
    if (exchange_ != nullptr && !inboundEnded_) exchange_->readMore(effect.bytes);
  } else if (const auto at = calls_.find(effect.stream); at != calls_.end()) {
    at->second->readMore(effect.bytes);
  }
  return true;
}

bool Invocation::on(const wire::BodyCancel& effect) {
  if (const auto at = calls_.find(effect.stream); at != calls_.end()) at->second->cancel();
  return true;
}

bool Invocation::on(const wire::Subrequest& effect) {
  if (effect.subrequest == 0 || calls_.contains(effect.subrequest)) return false;
  std::erase_if(calls_, [&](const auto& entry) { return !entry.second->open() && entry.first != pipedFrom_ && entry.second->ended; });
  auto& call = calls_[effect.subrequest];
  call = std::make_unique<Subrequest>(*this, effect.subrequest);
  const bool pipesClient = effect.bodyKind == wire::BodyKind::kPipe && effect.pipeFrom == 0;
  call->uploadFromClient = pipesClient;
  if (calls_.size() > kCallsMax || !call->start(effect)) {
    wire::SubrequestFailed failed;
    failed.invocation = id_;
    failed.subrequest = effect.subrequest;
    failed.nowMs = loop_.options_.clock.wallMs();
    failed.failure = wire::SubrequestFailure::kOther;
    const std::string message = "Fetch API cannot load: " + std::string(effect.url);
    failed.message = message;
    send(failed);
    return true;
  }
  if (pipesClient) {
    uploadCall_ = effect.subrequest;
    if (inboundEnded_) call->uploadEnd();
    else if (exchange_ != nullptr) exchange_->readMore(wire::Bounds::kStreamWindowBytes);
  }
  return true;
}

bool Invocation::on(const wire::CancelSubrequest& effect) {
  if (const auto at = calls_.find(effect.subrequest); at != calls_.end()) at->second->cancel();
  return true;
}

bool Invocation::on(const wire::LogLine& effect) {
  logBytes_ += effect.message.size() + 32;
  if (logBytes_ > kLogBytesMax) {
    truncated_ = true;
    return true;
  }
  logs_.push_back({effect.timestampMs, effect.level, std::string(effect.message)});
  return true;
}

bool Invocation::on(const wire::ExceptionThrown& effect) {
  logBytes_ += effect.message.size() + effect.stack.size() + 64;
  if (logBytes_ > kLogBytesMax) {
    truncated_ = true;
    return true;
  }
  exceptions_.push_back({effect.timestampMs, std::string(effect.name), std::string(effect.message), std::string(effect.stack)});
  return true;
}

bool Invocation::on(const wire::Done& effect) {
  if (done_) return false;
  settle(effect.outcome, effect.cpuUs);
  return true;
}

void Invocation::expireIfDue(base::Instant now) {
  if (done_ || expired_ || exchange_ != nullptr) return;
  if (responseOver_ == base::Instant::max()) responseOver_ = now;
  if (now - responseOver_ < std::chrono::milliseconds(version_->limits.waitUntilMs)) return;
  expired_ = true;
  send(wire::ExpireInvocation{id_});
}

bool Invocation::lose(wire::Outcome outcome) {
  if (done_) return false;
  settle(outcome, 0);
  return true;
}

void Invocation::settle(wire::Outcome outcome, uint64_t cpuUs) {
  done_ = true;
  held_.clear();
  if (seat_ != nullptr) seat_->invocationEnded();
  seat_ = nullptr;
  if (std::exchange(waiting_, false) && rank_ != EdgeLoop::kNoRank) version_->placement(loop_.options_.index).lost(rank_);
  std::erase_if(calls_, [&](const auto& entry) { return entry.first != pipedFrom_ && entry.first != uploadCall_; });
  if (exchange_ != nullptr && !responded_) {
    const auto& facts = wire::factsOf(outcome == wire::Outcome::kOk ? wire::Outcome::kInternalError : outcome);
    errorCode_ = facts.errorCode != 0 ? facts.errorCode : 1101;
    http::Exchange& exchange = *exchange_;
    exchange_ = nullptr;
    loop_.respondWithPage(exchange, errorCode_, ray_);
    status_ = wire::factsOf(outcome).httpStatus;
  } else if (exchange_ != nullptr && streaming_ && pipedFrom_ == 0 && !echo_) {
    exchange_->abort();
    exchange_ = nullptr;
  }
  observe::InvocationFinished fact;
  fact.ray = ray_.id();
  fact.script = version_->script;
  fact.version = version_->id;
  fact.outcome = outcome;
  fact.status = status_;
  fact.errorCode = errorCode_;
  fact.startedMs = startedMs_;
  fact.cpuUs = cpuUs;
  fact.wallUs = static_cast<uint64_t>((loop_.options_.clock.now() - started_).count() / 1000);
  fact.responseBytes = responseBytes_;
  fact.method = method_;
  fact.url = url_;
  fact.requestHead.text = head_;
  std::vector<observe::LogEntry> logs;
  for (const auto& log : logs_) logs.push_back({log.timestampMs, log.level, log.message});
  std::vector<observe::ExceptionEntry> exceptions;
  for (const auto& e : exceptions_) exceptions.push_back({e.timestampMs, e.name, e.message, e.stack});
  fact.logs = logs;
  fact.exceptions = exceptions;
  fact.truncated = truncated_;
  for (auto* sink : loop_.options_.sinks) sink->invocationFinished(loop_.options_.index, fact);
  releaseIfOver();
}

void Invocation::releaseIfOver() {
  if (done_ && exchange_ == nullptr) loop_.release(*this);
}

void Invocation::onBody(std::span<const std::byte> bytes) {
  if (echo_) {
    writeToClient(bytes);
    if (exchange_ == nullptr) return;
    if (exchange_->pendingBytes() <= kPauseBytes) exchange_->readMore(bytes.size());
    else owedCredit_ += static_cast<uint32_t>(bytes.size());
    return;
  }
  if (uploadCall_ != 0) {
    if (const auto at = calls_.find(uploadCall_); at != calls_.end()) at->second->upload(bytes);
    return;
  }
  inChunks(bytes, [&](auto part) { send(wire::BodyChunk{id_, 0, asWire(part)}); });
}

void Invocation::onBodyEnd() {
  inboundEnded_ = true;
  if (echo_) return finishResponse();
  if (uploadCall_ != 0) {
    if (const auto at = calls_.find(uploadCall_); at != calls_.end()) at->second->uploadEnd();
    return;
  }
  send(wire::BodyEnd{id_, 0});
}

void Invocation::onBodyRefused(const http::Refusal& refusal) {
  inboundEnded_ = true;
  if (echo_) return cutResponse();
  send(wire::BodyAbort{id_, 0, "The request body could not be read."});
}

void Invocation::onDrained() {
  if (echo_) {
    if (!inboundEnded_) exchange_->readMore(std::exchange(owedCredit_, 0));
    return;
  }
  if (pipedFrom_ != 0) {
    if (const auto at = calls_.find(pipedFrom_); at != calls_.end()) at->second->readMore(std::exchange(owedCredit_, 0));
    return;
  }
  if (owedCredit_ == 0) return;
  window_ += owedCredit_;
  send(wire::BodyCredit{id_, 0, std::exchange(owedCredit_, 0)});
}

void Invocation::onGone() {
  exchange_ = nullptr;
  if (done_) return releaseIfOver();
  if (isHeld()) return settle(wire::Outcome::kCanceled, 0);
  send(wire::CancelInvocation{id_});
}

}  // namespace weir::edge
