#include "edge/inner_call.h"

#include <algorithm>

#include "base/byte_text.h"
#include "base/check.h"
#include "edge/inner_channel.h"

namespace weir::edge {

namespace {

using base::asBytes;
using base::asText;

http::RequestHead headFor(const http::ClientRequest& request, std::optional<uint64_t> length) {
  http::RequestHead head;
  head.method = request.method;
  head.target = request.target;
  head.authority = request.host.find(':') == std::string::npos ? request.host : "[" + request.host + "]";
  if (request.port != 0 && request.port != (request.https ? 443 : 80))
    head.authority += ":" + std::to_string(request.port);
  head.headers = request.headers;
  head.headers.set("host", head.authority);
  if (length) head.headers.set("content-length", std::to_string(*length));
  head.framing = request.bodyKind == http::RequestBody::kNone ? http::Framing::kNone
                 : length                                     ? http::Framing::kLength
                                                              : http::Framing::kChunked;
  head.contentLength = length.value_or(0);
  return head;
}

}  // namespace

// ---- one direction ----

bool InnerCall::Flow::add(std::string_view more, base::HeldBytes& held) {
  if (more.empty()) return true;
  if (waiting() > kBufferBytesMax || (declared && more.size() > *declared - written)) return false;
  if (!held.grow(more.size())) return false;
  written += more.size();
  if (at > 0 && at >= bytes.size() / 2) {
    bytes.erase(0, at);
    at = 0;
  }
  bytes.append(more);
  if (waiting() > kLowWaterBytes) aboveLowWater = true;
  return true;
}

std::string_view InnerCall::Flow::deliverable() const {
  return std::string_view(bytes).substr(at, static_cast<size_t>(std::min<uint64_t>(granted, waiting())));
}

void InnerCall::Flow::took(size_t size, base::HeldBytes& held) {
  held.shrink(size);
  at += size;
  granted -= size;
  if (waiting() > 0) return;
  bytes.clear();
  at = 0;
}

bool InnerCall::Flow::drained() {
  if (!aboveLowWater || waiting() > kLowWaterBytes) return false;
  aboveLowWater = false;
  return true;
}

// ---- the answerer's end ----

class InnerCall::Answer final : public InnerExchange {
 public:
  Answer(InnerCall& call, http::RequestHead head, const net::Address& client, bool https)
      : call_(call), head_(std::move(head)), client_(client), clientIp_(client.ip()), https_(https) {}

  bool open() const { return open_; }
  http::ExchangeEvents* events() const { return events_; }
  void close() {
    open_ = false;
    events_ = nullptr;
  }
  void dispatch(const Answerer& answerer) {
    dispatching_ = true;
    answerer(*this);
    dispatching_ = false;
    CHECK(!open_ || events_ != nullptr);
  }

  const http::RequestHead& head() const override { return head_; }
  const net::Address& remoteAddress() const override { return client_; }
  std::string_view remoteIp() const override { return clientIp_; }
  bool isTls() const override { return https_; }
  void setEvents(http::ExchangeEvents& events) override { events_ = &events; }
  void setBodyBytesMax(uint64_t) override {}  // a script's own bytes were bounded where they were made
  bool responseStarted() const override { return call_.headReady_; }
  size_t pendingBytes() const override { return call_.response_.waiting(); }

  std::optional<std::span<const std::byte>> takeCompleteBody() override {
    CHECK(dispatching_);
    if (!call_.completeBody_) return std::nullopt;
    call_.request_.endTold = true;
    return asBytes(call_.request_.bytes);
  }
  void readMore(uint64_t bytes) override {
    CHECK(open_);
    Flow& flow = call_.request_;
    flow.granted += std::min(bytes, ~uint64_t{0} - flow.granted);
    bodyAsked_ = true;
    call_.pump_.schedule();
  }
  bool bodyAsked() const { return bodyAsked_; }

  bool respond(uint16_t status, const http::HeaderList& headers, std::string_view body) override {
    if (!startResponse(status, headers, body.size())) return false;
    call_.response_.declared.reset();  // the text is at hand: the bound on what waits is for streams
    if (!bodyless_) {
      if (!call_.held_.grow(body.size())) {
        abort();
        return true;
      }
      call_.response_.bytes.assign(body);
    }
    finishResponse();
    return true;
  }
  bool startResponse(uint16_t status, const http::HeaderList& headers, std::optional<uint64_t> contentLength) override {
    CHECK(open_);
    CHECK(!call_.headReady_);
    if (status < 200) return false;
    http::ResponseHead& head = call_.head_;
    head.status = status;
    head.headers = headers;
    bodyless_ = http::isBodiless(status) || head_.method == "HEAD";
    head.framing = bodyless_ ? http::Framing::kNone : contentLength ? http::Framing::kLength : http::Framing::kChunked;
    head.contentLength = contentLength.value_or(0);
    call_.response_.declared = contentLength;
    call_.headReady_ = true;
    call_.pump_.schedule();
    return true;
  }
  http::WriteOutcome write(std::span<const std::byte> bytes) override {
    CHECK(open_);
    CHECK(call_.headReady_);
    if (bytes.empty() || bodyless_) return http::WriteOutcome::kTaken;
    Flow& flow = call_.response_;
    if (flow.declared && bytes.size() > *flow.declared - flow.written) {
      abort();
      return http::WriteOutcome::kAborted;
    }
    if (!flow.add(asText(bytes), call_.held_)) return http::WriteOutcome::kTooMuch;
    call_.pump_.schedule();
    return http::WriteOutcome::kTaken;
  }
  bool finish() override {
    CHECK(open_);
    CHECK(call_.headReady_);
    const Flow& flow = call_.response_;
    if (!bodyless_ && flow.declared && flow.written < *flow.declared) {
      abort();
      return false;
    }
    finishResponse();
    return true;
  }
  void abort() override {
    close();
    call_.error_ = http::ClientError{http::ClientErrorKind::kLost, "the answering script's response was cut"};
    call_.pump_.schedule();
  }
  std::optional<http::Upgraded> upgrade(std::string_view, const http::HeaderList&, net::StreamHandler&) override {
    return std::nullopt;
  }
  std::unique_ptr<http::websocket::Channel> upgradeInner(const http::HeaderList& headers) override {
    CHECK(open_);
    CHECK(!call_.headReady_);
    auto [mine, theirs] = InnerChannel::makePair(call_.loop_);
    close();
    call_.head_.status = 101;
    call_.head_.headers = headers;
    call_.headReady_ = true;
    call_.channel_ = std::move(theirs);
    call_.pump_.schedule();
    return std::move(mine);
  }
  void fail(std::string_view name, std::string_view message) override {
    CHECK(open_);
    CHECK(!call_.headReady_);
    close();
    call_.exception_ = Exception{std::string(name), std::string(message)};
    call_.pump_.schedule();
  }
  void shed(std::string_view message) override {
    CHECK(open_);
    CHECK(!call_.headReady_);
    close();
    call_.error_ = http::ClientError{http::ClientErrorKind::kOverloaded, std::string(message)};
    call_.pump_.schedule();
  }

 private:
  void finishResponse() {
    close();
    call_.response_.finished = true;
    call_.pump_.schedule();
  }

  InnerCall& call_;
  const http::RequestHead head_;
  const net::Address client_;
  const std::string clientIp_;
  const bool https_;
  http::ExchangeEvents* events_ = nullptr;
  bool open_ = true;
  bool dispatching_ = false;
  bool bodyAsked_ = false;
  bool bodyless_ = false;
};

// ---- the caller's end ----

std::unique_ptr<InnerCall> InnerCall::start(net::Loop& loop, http::ClientRequest request, const net::Address& client,
                                            Budgets budgets, InnerCallEvents& events, Answerer answerer) {
  std::unique_ptr<InnerCall> call(
      new InnerCall(loop, std::move(request), client, budgets, events, std::move(answerer)));
  call->pump_.schedule();
  return call;
}

InnerCall::InnerCall(net::Loop& loop, http::ClientRequest request, const net::Address& client, Budgets budgets,
                     InnerCallEvents& events, Answerer answerer)
    : events_(events),
      held_(budgets.own, budgets.shared),
      answerer_(std::move(answerer)),
      completeBody_(request.bodyKind != http::RequestBody::kStreamed),
      loop_(loop),
      pump_(loop, [this] { pump(); }) {
  std::optional<uint64_t> length;
  if (request.bodyKind == http::RequestBody::kComplete) length = request.body.size();
  if (request.bodyKind == http::RequestBody::kStreamed) length = request.contentLength;
  request_.declared = length;
  answer_ = std::make_unique<Answer>(*this, headFor(request, length), client, request.https);
  if (completeBody_ && !held_.grow(request.body.size())) {
    completeBody_ = served_ = true;
    answer_->close();
    error_ = http::ClientError{http::ClientErrorKind::kOverloaded, "too many bytes wait for other scripts"};
  } else if (completeBody_) {
    request_.bytes = std::move(request.body);
    request_.finished = true;
  }
}

InnerCall::~InnerCall() {
  http::ExchangeEvents* const events = answer_->events();
  answer_->close();
  if (events != nullptr) events->onGone();
}

void InnerCall::readMore(uint64_t bytes) {
  response_.granted += std::min(bytes, ~uint64_t{0} - response_.granted);
  pump_.schedule();
}

bool InnerCall::write(std::span<const std::byte> bytes) {
  if (!answer_->open()) return true;  // nobody wants it any more, as behind an early response
  if (!request_.add(asText(bytes), held_)) return false;
  pump_.schedule();
  return true;
}

void InnerCall::finish() {
  request_.finished = true;
  if (request_.declared && request_.written < *request_.declared && answer_->open()) {
    error_ = http::ClientError{http::ClientErrorKind::kBadRequest, "the request body is shorter than declared"};
  }
  pump_.schedule();
}

// False: the call was dropped by whom it told something.
bool InnerCall::deliverRequest() {
  const net::DropFlag::Watch watch(dropFlag_);
  while (answer_->open() && answer_->bodyAsked()) {
    const std::string_view next = request_.deliverable();
    if (next.empty()) break;
    const std::string part(next);  // the answerer may make room for more in the buffer
    request_.took(part.size(), held_);
    answer_->events()->onBody(asBytes(part));
    if (watch.dropped()) return false;
  }
  if (answer_->open() && answer_->bodyAsked() && request_.finished && request_.waiting() == 0 && !request_.endTold &&
      !error_) {
    request_.endTold = true;
    answer_->events()->onBodyEnd();
    if (watch.dropped()) return false;
  }
  if (request_.drained()) events_.onDrained();
  return !watch.dropped();
}

bool InnerCall::deliverResponse() {
  const net::DropFlag::Watch watch(dropFlag_);
  if (headReady_ && !headTold_) {
    headTold_ = true;
    events_.onHead(head_);
    if (watch.dropped()) return false;
  }
  if (channel_) {
    over_ = true;
    events_.onChannel(std::move(channel_));
    return !watch.dropped();
  }
  for (;;) {
    const std::string_view next = response_.deliverable();
    if (next.empty()) break;
    const std::string part(next);
    response_.took(part.size(), held_);
    events_.onBody(asBytes(part));
    if (watch.dropped()) return false;
  }
  if (answer_->open() && response_.drained()) {
    answer_->events()->onDrained();
    if (watch.dropped()) return false;
  }
  if (over_) return true;
  if (error_ || exception_ || (response_.finished && response_.waiting() == 0)) {
    over_ = true;
    // The answerer may still stand in its exchange: a request that failed on the caller's side ends it too.
    http::ExchangeEvents* const answering = answer_->events();
    answer_->close();
    if (answering != nullptr) answering->onGone();
    if (watch.dropped()) return false;
    // Whoever is told may drop this call before it has read the text.
    if (error_) {
      const http::ClientError error = std::move(*error_);
      events_.onError(error);
    } else if (exception_) {
      const Exception exception = std::move(*exception_);
      events_.onException(exception.name, exception.message);
    } else {
      events_.onEnd();
    }
  }
  return !watch.dropped();
}

void InnerCall::pump() {
  const net::DropFlag::Watch watch(dropFlag_);
  if (!std::exchange(served_, true)) {
    answer_->dispatch(answerer_);
    if (watch.dropped()) return;
  }
  if (deliverRequest()) (void)deliverResponse();
}

}  // namespace weir::edge
