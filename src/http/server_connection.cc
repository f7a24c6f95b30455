#include "http/server_connection.h"

#include <algorithm>

#include "base/byte_text.h"
#include "http/buffering.h"
#include "http/codec/encoder.h"
#include "http/codec/field_syntax.h"

namespace weir::http {
namespace {

using base::asBytes;
using base::asText;

// Up to here copying a body behind its head is cheaper than a gathering send.

std::optional<uint64_t> declaredLength(const HeaderList& headers) {
  const auto value = headers.find("content-length");
  return value ? parseDecimal(*value) : std::nullopt;
}

}  // namespace

ServerConnection::ServerConnection(Server& server, net::Fd socket, const net::Address& remote)
    : server_(server),
      remote_(remote),
      remoteIp_(remote.ip()),
      decoder_(server.limits_),
      timer_(server.loop_.timers(), [this] { onTimer(); }),
      resume_(server.loop_, [this] { resume(); }) {
  const HttpLimits& limits = server.limits_;
  stream_ = net::Stream::accept(server.loop_, std::move(socket), *this,
                                {.pendingBytesMax = std::numeric_limits<size_t>::max(),  // `write` keeps the bound
                                 .lowWaterBytes = limits.lowWaterBytes,
                                 .connectTimeout = limits.headTimeout},
                                server.tls_);
  moveTo(server.idle_);
  wait(Waiting::kRequest);
}

// ---- Lifetime ----------------------------------------------------------------------------------------------------

void ServerConnection::moveTo(std::list<ServerConnection*>& list) {
  if (list_ == &list) return;
  if (list_) {
    list.splice(list.end(), *list_, place_);
  } else {
    place_ = list.insert(list.end(), this);
  }
  list_ = &list;
}

void ServerConnection::close() {
  if (!stream_) return;
  stream_.reset();
  timer_.disarm();
  corked_.clear();
  unscheduleFlush();
  ExchangeEvents* const events = std::exchange(events_, nullptr);
  const bool wasOpen = std::exchange(open_, false);
  if (wasOpen) tally(status_);
  server_.forget(*this);
  if (wasOpen && events) events->onGone();
}

void ServerConnection::drain() {
  if (!stream_ || !idle()) return;
  onReadable();
  if (!stream_ || !idle() || lingering_) return;
  if (requests_ == 0) {
    timer_.arm(server_.loop_.now() + server_.limits_.lingerTimeout);
  } else {
    beginLinger();
  }
}

void ServerConnection::unscheduleFlush() {
  if (!flushScheduled_) return;
  auto& waiting = server_.corked_;
  std::replace(waiting.begin(), waiting.end(), this, static_cast<ServerConnection*>(nullptr));
}

void ServerConnection::abort() {
  CHECK(open_);
  events_ = nullptr;  // the handler knows
  stream_->resetOnClose();
  close();
}

void ServerConnection::onError(const net::StreamError&) { close(); }

void ServerConnection::onPeerFinished() {
  peerFinished_ = true;
  if (lingering_ || !open_) return;  // reading on will see the end
  if (heldAt_ == held_.size() && stream_->atEnd()) close();
}

// ---- Input -------------------------------------------------------------------------------------------------------

void ServerConnection::onReadable() {
  if (lingering_) {
    const auto got = stream_->read(server_.readBuffer_);
    if (got.kind == net::Stream::ReadResult::kBytes) lingerBytes_ += got.bytes;
    else if (got.kind != net::Stream::ReadResult::kNothingYet) close();
    return;
  }
  size_t room = server_.readBuffer_.size();
  if (decoder_.inBody() && bodyMode_ == BodyMode::kGranted) room = readRoom(room, granted_);
  const auto got = stream_->read({server_.readBuffer_.data(), room});
  switch (got.kind) {
    case net::Stream::ReadResult::kNothingYet: return;
    case net::Stream::ReadResult::kError: return close();
    case net::Stream::ReadResult::kEnd:
      peerFinished_ = true;
      // With a request open that has ended, this is the half-close of decision 2.
      if (open_ && requestEnded_) return;
      if (const auto pending = decoder_.pendingRefusal()) return refuse(*pending);
      if (!open_ && requestEnded_ && pendingBytes() > 0) return beginLinger();
      return close();
    case net::Stream::ReadResult::kBytes: break;
  }
  const std::span<const std::byte> bytes(server_.readBuffer_.data(), got.bytes);
  const size_t consumed = consume(bytes);
  if (!stream_) return;
  held_.append(asText(bytes.subspan(consumed)));
  settle();
}

void ServerConnection::resume() {
  if (!stream_ || lingering_) return;
  if (std::exchange(endDue_, false) && open_) events_->onBodyEnd();
  if (!stream_) return;
  const std::span<const std::byte> rest = asBytes(held_).subspan(heldAt_);
  const size_t consumed = consume(rest);
  if (!stream_) return;
  heldAt_ += consumed;
  if (heldAt_ == held_.size()) {
    heldAt_ = 0;
    held_.clear();
    if (held_.capacity() > kJoinedBytesMax) std::string().swap(held_);
  }
  settle();
}

bool ServerConnection::mayFeed() const {
  if (!stream_ || lingering_) return false;
  if (!requestEnded_) return true;  // within a request; grants bound its body
  return !open_ && !closeAfter_ && stream_->pendingBytes() <= server_.limits_.lowWaterBytes;
}

size_t ServerConnection::consume(std::span<const std::byte> bytes) {
  size_t consumed = 0;
  processing_ = true;
  while (mayFeed()) {
    const auto rest = bytes.subspan(consumed);
    if (rest.empty() && !decoder_.inBody()) break;
    const uint64_t contentMax = bodyMode_ == BodyMode::kGranted ? granted_ : std::numeric_limits<uint64_t>::max();
    const auto fed = decoder_.feed(rest, *this, contentMax);
    if (!stream_) break;
    if (!fed.ok()) {
      if (open_) {
        refuseBody(fed.error());
      } else if (!requestEnded_) {
        closeAfter_ = true;
        beginLinger();
      } else {
        refuse(fed.error());
      }
      consumed = bytes.size();
      break;
    }
    consumed += *fed;
    if (headArrived_) {
      headArrived_ = false;
      dispatch(bytes.subspan(consumed));
    } else if (endArrived_) {
      endArrived_ = false;
      if (events_ && bodyMode_ == BodyMode::kGranted) events_->onBodyEnd();
    } else if (*fed == 0) {
      break;
    }
  }
  processing_ = false;
  return consumed;
}

void ServerConnection::onHead(const RequestHead& head) {
  headArrived_ = true;
  requestEnded_ = false;
  bodyMode_ = BodyMode::kGranted;
}

void ServerConnection::onBody(std::span<const std::byte> bytes) {
  if (bodyMode_ == BodyMode::kSkipped) {
    bodyMarkAt_ = server_.loop_.now();
    return;
  }
  granted_ -= bytes.size();
  takenBytes_ += bytes.size();
  bodyMarkAt_ = server_.loop_.now();
  continueDue_ = false;
  if (events_) events_->onBody(bytes);
}

void ServerConnection::onEnd() {
  requestEnded_ = true;
  endArrived_ = !headArrived_;  // a request without a body is told by its head
}

void ServerConnection::dispatch(std::span<const std::byte> behindHead) {
  const RequestHead& head = decoder_.head();
  moveTo(server_.active_);
  timer_.disarm();
  waiting_ = Waiting::kNothing;
  open_ = true;
  ++requests_;
  events_ = nullptr;
  responseStarted_ = bodyless_ = closeAfter_ = bodyAsked_ = endDue_ = false;
  granted_ = takenBytes_ = writtenBytes_ = 0;
  status_ = 0;
  dispatchedAt_ = server_.loop_.now();
  bodyBytesMax_ = server_.limits_.bodyBytesMax;
  continueDue_ = head.expectsContinue && !requestEnded_;
  hasCompleteBody_ = requestEnded_ || (head.framing == Framing::kLength && behindHead.size() >= head.contentLength);
  completeBody_ =
      requestEnded_ ? std::span<const std::byte>() : behindHead.first(hasCompleteBody_ ? head.contentLength : 0);
  behindHead_ = behindHead;
  dispatching_ = true;
  server_.handler_.onRequest(*this);
  dispatching_ = false;
  CHECK(!open_ || events_);
}

void ServerConnection::refuse(const Refusal& refusal) {
  moveTo(server_.active_);
  HeaderList headers;
  std::string body;
  server_.handler_.describeRefusal(refusal, decoder_.head(), remote_, headers, body);
  closeAfter_ = true;
  server_.out_.clear();
  const ResponseFraming framing{.framing = Framing::kLength,
                                .contentLength = body.size(),
                                .connection = "close",
                                .upgrade = {},
                                .date = server_.date()};
  const std::string_view sent = decoder_.head().method == "HEAD" ? std::string_view() : body;
  if (appendResponseHead(server_.out_, refusal.status, headers, framing)) send(server_.out_, sent);
  takenBytes_ = 0;
  writtenBytes_ = sent.size();
  dispatchedAt_ = server_.loop_.now();
  tally(refusal.status);
  beginLinger();
}

void ServerConnection::refuseBody(const Refusal& refusal) {
  closeAfter_ = true;
  requestEnded_ = true;  // nothing of it will be decoded any more
  bodyMode_ = BodyMode::kSkipped;
  held_.clear();
  heldAt_ = 0;
  if (events_) events_->onBodyRefused(refusal);
}

// What the connection waits for now that input has gone as far as it goes.
void ServerConnection::settle() {
  if (!stream_ || lingering_) return;
  if (!open_ && closeAfter_) return beginLinger();
  const bool holding = heldAt_ < held_.size();
  if (open_ || !requestEnded_) {
    // A little is read ahead of the grant, or the end behind the last granted byte would never be seen.
    const bool wantsBody = !requestEnded_ && (bodyMode_ == BodyMode::kSkipped || bodyAsked_);
    stream_->setReading(wantsBody && !holding);
    const bool waits = wantsBody || stream_->pendingBytes() > 0;
    if (waits && waiting_ != Waiting::kExchange) {
      sentMark_ = stream_->sentBytes();
      sentMarkAt_ = bodyMarkAt_ = server_.loop_.now();
      wait(Waiting::kExchange);
    }
    return;
  }
  if (stream_->pendingBytes() > server_.limits_.lowWaterBytes) {
    // The reader of the last response is slow; its next request waits for it.
    stream_->setReading(false);
    if (waiting_ != Waiting::kExchange) {
      sentMark_ = stream_->sentBytes();
      sentMarkAt_ = server_.loop_.now();
      wait(Waiting::kExchange);
    }
    return;
  }
  if (holding) {
    stream_->setReading(false);
    resume_.schedule();
    return;
  }
  if (peerFinished_ && stream_->atEnd()) return beginLinger();
  stream_->setReading(true);
  if (decoder_.betweenRequests()) {
    if (server_.draining_) return beginLinger();
    if (list_ == &server_.idle_) server_.idle_.splice(server_.idle_.end(), server_.idle_, place_);
    moveTo(server_.idle_);
    wait(Waiting::kRequest);
  } else if (waiting_ != Waiting::kHead) {
    moveTo(server_.active_);
    wait(Waiting::kHead);
  }
}

// ---- Request body ------------------------------------------------------------------------------------------------

std::optional<std::span<const std::byte>> ServerConnection::takeCompleteBody() {
  CHECK(dispatching_);
  if (!hasCompleteBody_ || completeBody_.size() > bodyBytesMax_) return std::nullopt;
  bodyMode_ = BodyMode::kSkipped;
  continueDue_ = false;
  takenBytes_ = completeBody_.size();
  return completeBody_;
}

void ServerConnection::setBodyBytesMax(uint64_t bytesMax) {
  bodyBytesMax_ = bytesMax;
  decoder_.setBodyBytesMax(bytesMax);
}

void ServerConnection::readMore(uint64_t bytes) {
  CHECK(open_);
  if (bodyMode_ == BodyMode::kSkipped || bytes == 0) return;
  const bool first = !std::exchange(bodyAsked_, true);
  if (requestEnded_) {
    // A request that ended with its head has no body; the end is still told to who asks.
    if (!first) return;
    endDue_ = true;
    return resume_.schedule();
  }
  if (granted_ == 0) bodyMarkAt_ = server_.loop_.now();
  granted_ += std::min(bytes, std::numeric_limits<uint64_t>::max() - granted_);
  const RequestHead& head = decoder_.head();
  const bool hopeless = head.framing == Framing::kLength && head.contentLength > bodyBytesMax_;
  if (std::exchange(continueDue_, false) && !hopeless && heldAt_ == held_.size() && completeBody_.empty() &&
      !responseStarted_)
    send("HTTP/1.1 100 Continue\r\n\r\n", {});
  if (!processing_) resume_.schedule();
}

// ---- Response ----------------------------------------------------------------------------------------------------

// What is promised is kept: a client that was not told of the end may have sent its next request already.
bool ServerConnection::willKeepAlive(bool whole) const {
  const RequestHead& head = decoder_.head();
  if (!head.keepAlive || closeAfter_ || server_.draining_) return false;
  // A client that was not told to continue may send the body or not; nobody can tell what its next bytes are.
  if (continueDue_) return false;
  return requestEnded_ || hasCompleteBody_ || head.framing != Framing::kLength || (bodyAsked_ && !whole) ||
         head.contentLength - takenBytes_ <= server_.limits_.drainedBodyBytesMax;
}

std::string_view ServerConnection::connectionField() const {
  if (closeAfter_) return "close";
  return decoder_.head().version == Version::kHttp10 ? "keep-alive" : "";
}

void ServerConnection::send(std::string_view head, std::string_view body) {
  if (!corked_.empty()) {
    corked_.append(head);
    corked_.append(body);
    flushCorked();
    return;
  }
  const iovec parts[] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  stream_->write({parts, body.empty() ? 1u : 2u});
}

bool ServerConnection::respond(uint16_t status, const HeaderList& headers, std::string_view body) {
  CHECK(open_);
  CHECK(!responseStarted_);
  if (status < 200) return false;
  const bool closeBefore = closeAfter_;
  closeAfter_ = !willKeepAlive(true);
  const bool bodiless = isBodiless(status);
  const bool toHead = decoder_.head().method == "HEAD";
  ResponseFraming framing{.framing = Framing::kLength,
                          .contentLength = body.size(),
                          .connection = connectionField(),
                          .upgrade = {},
                          .date = server_.date()};
  if (bodiless) framing.contentLength.reset();
  if ((toHead || status == 304) && body.empty()) {
    if (const auto declared = declaredLength(headers)) framing.contentLength = declared;
  }
  std::string& out = server_.out_;
  out.clear();
  if (!appendResponseHead(out, status, headers, framing)) {
    closeAfter_ = closeBefore;
    return false;
  }
  if (bodiless || toHead) body = {};
  if (body.size() <= kJoinedBytesMax) {
    out.append(body);
    send(out, {});
  } else {
    send(out, body);
    if (out.capacity() > 4 * kJoinedBytesMax) std::string().swap(out);
  }
  status_ = status;
  writtenBytes_ = body.size();
  endResponse();
  return true;
}

bool ServerConnection::startResponse(uint16_t status, const HeaderList& headers,
                                     std::optional<uint64_t> contentLength) {
  CHECK(open_);
  CHECK(!responseStarted_);
  if (status < 200) return false;
  const RequestHead& request = decoder_.head();
  const bool closeBefore = closeAfter_;
  const bool bodiless = isBodiless(status);
  const bool toHead = request.method == "HEAD";
  closeAfter_ = !willKeepAlive(false);
  ResponseFraming framing{.framing = Framing::kLength,
                          .contentLength = contentLength,
                          .connection = {},
                          .upgrade = {},
                          .date = server_.date()};
  if (bodiless) {
    framing.framing = Framing::kNone;
    if (status != 304) framing.contentLength.reset();
  } else if (!contentLength && toHead) {
    framing.contentLength = declaredLength(headers);
    framing.framing = framing.contentLength ? Framing::kNone : Framing::kChunked;
  } else if (!contentLength) {
    framing.framing = request.version == Version::kHttp11 ? Framing::kChunked : Framing::kUntilClose;
    if (framing.framing == Framing::kUntilClose) closeAfter_ = true;
  }
  if (request.version == Version::kHttp10 && framing.framing == Framing::kChunked) framing.framing = Framing::kNone;
  framing.connection = connectionField();
  if (!appendResponseHead(corked_, status, headers, framing)) {
    closeAfter_ = closeBefore;
    return false;
  }
  scheduleFlush();
  responseStarted_ = true;
  status_ = status;
  bodyless_ = bodiless || toHead;
  responseFraming_ = framing.framing;
  responseRemaining_ = contentLength.value_or(0);
  return true;
}

WriteOutcome ServerConnection::write(std::span<const std::byte> bytes) {
  CHECK(open_);
  CHECK(responseStarted_);
  if (bytes.empty() || bodyless_) return WriteOutcome::kTaken;
  if (pendingBytes() > server_.limits_.pendingBytesMax) return WriteOutcome::kTooMuch;
  if (responseFraming_ == Framing::kLength) {
    if (bytes.size() > responseRemaining_) {
      abort();
      return WriteOutcome::kAborted;
    }
    responseRemaining_ -= bytes.size();
  }
  writtenBytes_ += bytes.size();
  const bool chunked = responseFraming_ == Framing::kChunked;
  if (chunked) appendChunkSize(corked_, bytes.size());
  if (corked_.size() + bytes.size() <= kJoinedBytesMax) {
    corked_.append(asText(bytes));
    if (chunked) corked_.append(kChunkEnd);
    scheduleFlush();
    return WriteOutcome::kTaken;
  }
  const iovec parts[] = {{corked_.data(), corked_.size()},
                         {const_cast<std::byte*>(bytes.data()), bytes.size()},
                         {const_cast<char*>(kChunkEnd.data()), chunked ? kChunkEnd.size() : 0}};
  stream_->write({parts, chunked ? 3u : 2u});
  corked_.clear();
  if (!processing_) settle();
  return WriteOutcome::kTaken;
}

bool ServerConnection::finish() {
  CHECK(open_);
  CHECK(responseStarted_);
  if (!bodyless_) {
    if (responseFraming_ == Framing::kLength && responseRemaining_ > 0) {
      abort();
      return false;
    }
    if (responseFraming_ == Framing::kChunked) corked_.append(kLastChunk);
  }
  flushCorked();
  endResponse();
  return true;
}

void ServerConnection::scheduleFlush() {
  if (std::exchange(flushScheduled_, true)) return;
  server_.corked_.push_back(this);
  server_.flush_.schedule();
}

void ServerConnection::flushCorked() {
  if (corked_.empty() || !stream_) return;
  stream_->write(corked_);
  corked_.clear();
  if (corked_.capacity() > 4 * kJoinedBytesMax) std::string().swap(corked_);
  if (!processing_ && open_) settle();
}

void ServerConnection::tally(uint16_t status) {
  server_.handler_.onAnswered(
      {decoder_.head(), remote_, status, takenBytes_, writtenBytes_, server_.loop_.now() - dispatchedAt_});
}

void ServerConnection::endResponse() {
  open_ = false;
  events_ = nullptr;
  tally(status_);
  bodyMode_ = BodyMode::kSkipped;
  if (processing_) return;
  // The answer to what was just sent may be readable before `resume_` runs, and must not find a stream that does not
  // read: that costs two system calls.
  if (requestEnded_ && !closeAfter_ && !peerFinished_ && heldAt_ == held_.size()) stream_->setReading(true);
  resume_.schedule();
}

void ServerConnection::beginLinger() {
  if (lingering_ || !stream_) return;
  flushCorked();
  lingering_ = true;
  lingerBytes_ = 0;
  lingerUntil_ = server_.loop_.now() + server_.limits_.lingerMax;
  moveTo(server_.active_);
  held_.clear();
  heldAt_ = 0;
  sentMark_ = stream_->sentBytes();
  stream_->finishSending();
  if (peerFinished_ && stream_->pendingBytes() == 0 && stream_->atEnd()) return close();
  stream_->setReading(true);
  wait(Waiting::kLinger);
}

std::optional<Upgraded> ServerConnection::upgrade(std::string_view protocol, const HeaderList& headers,
                                                  net::StreamHandler& handler) {
  CHECK(open_);
  if (!decoder_.head().upgrade || !requestEnded_ || responseStarted_) return std::nullopt;
  server_.out_.clear();
  const ResponseFraming framing{.framing = Framing::kNone,
                                .contentLength = {},
                                .connection = "Upgrade",
                                .upgrade = protocol,
                                .date = server_.date()};
  if (!appendResponseHead(server_.out_, 101, headers, framing)) return std::nullopt;
  send(server_.out_, {});
  // Within onRequest what came behind the head is still with `consume`.
  std::string received(dispatching_ ? asText(behindHead_) : std::string_view(held_).substr(heldAt_));
  Upgraded upgraded{std::move(stream_), std::move(received)};
  upgraded.stream->setHandler(handler);
  upgraded.stream->setReading(false);
  timer_.disarm();
  unscheduleFlush();
  open_ = false;
  events_ = nullptr;
  tally(101);
  server_.forget(*this);
  return upgraded;
}

// ---- Output and time ---------------------------------------------------------------------------------------------

void ServerConnection::onDrained() {
  if (open_ && events_) {
    events_->onDrained();
  } else {
    resume_.schedule();
  }
}

void ServerConnection::wait(Waiting what) {
  waiting_ = what;
  const HttpLimits& limits = server_.limits_;
  std::chrono::milliseconds bound{};
  switch (what) {
    case Waiting::kNothing: return timer_.disarm();
    case Waiting::kRequest: bound = limits.idleTimeout; break;
    case Waiting::kHead: bound = limits.headTimeout; break;
    case Waiting::kExchange: bound = std::min(limits.bodyStallTimeout, limits.writeStallTimeout); break;
    case Waiting::kLinger: bound = stream_->pendingBytes() > 0 ? limits.writeStallTimeout : limits.lingerTimeout; break;
  }
  timer_.arm(server_.loop_.now() + bound);
}

void ServerConnection::onTimer() {
  if (!stream_) return;
  switch (waiting_) {
    case Waiting::kNothing: return;
    case Waiting::kRequest: return beginLinger();
    case Waiting::kHead:
      return refuse(decoder_.pendingRefusal().value_or(Refusal{408, "the request did not arrive in time"}));
    case Waiting::kExchange: return onExchangeTimer();
    case Waiting::kLinger: {
      const bool taken = stream_->sentBytes() != sentMark_;
      const bool sends = lingerBytes_ > 0 && server_.loop_.now() < lingerUntil_ && !server_.draining_;
      if (!taken && !sends) return close();
      sentMark_ = stream_->sentBytes();
      lingerBytes_ = 0;
      return wait(Waiting::kLinger);
    }
  }
}

void ServerConnection::onExchangeTimer() {
  const HttpLimits& limits = server_.limits_;
  const base::Instant now = server_.loop_.now();
  waiting_ = Waiting::kNothing;
  base::Instant next = base::Instant::max();
  if (stream_->pendingBytes() > 0) {
    if (stream_->sentBytes() != sentMark_) {
      sentMark_ = stream_->sentBytes();
      sentMarkAt_ = now;
    } else if (now - sentMarkAt_ >= limits.writeStallTimeout) {
      stream_->resetOnClose();
      return close();
    }
    next = sentMarkAt_ + limits.writeStallTimeout;
  }
  const bool wantsBody = !requestEnded_ && (bodyMode_ == BodyMode::kSkipped || granted_ > 0);
  if (wantsBody) {
    if (now - bodyMarkAt_ >= limits.bodyStallTimeout) {
      const Refusal stalled{408, "the request body did not arrive in time"};
      if (!open_) return beginLinger();
      refuseBody(stalled);
      return settle();
    }
    next = std::min(next, bodyMarkAt_ + limits.bodyStallTimeout);
  }
  if (next == base::Instant::max()) return;
  waiting_ = Waiting::kExchange;
  timer_.arm(next);
}

}  // namespace weir::http
