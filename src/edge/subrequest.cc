#include "edge/subrequest.h"

#include "base/byte_text.h"
#include "base/text.h"
#include "edge/error_page_codes.h"
#include "edge/head_block.h"
#include "edge/loop_counter.h"
#include "edge/origin_errors.h"
#include "edge/redirect.h"

namespace weir::edge {

namespace {

constexpr int kRedirectsMax = 20;
constexpr std::string_view kLost = "Network connection lost.";

uint16_t statusOf(uint16_t code) {
  const ErrorFacts* const facts = findErrorFacts(code);
  return facts != nullptr ? facts->httpStatus : 403;
}

constexpr std::string_view kTooLong = "The request body is longer than its declared length.";

}  // namespace

Subrequest::Subrequest(const Context& context, const wire::Subrequest& effect)
    : context_(context),
      number_(effect.subrequest),
      uploadKind_(effect.bodyKind),
      redirect_(effect.redirect),
      service_(effect.service),
      url_(http::Url::parse(effect.url)),
      givenUrl_(effect.url),
      body_(*this, context.voice, effect.subrequest),
      replayable_(effect.replayable && effect.bodyKind == wire::BodyKind::kStream) {
  request_.method = effect.method;
  request_.headers = headersOf(effect.head);
  request_.headers.remove("host");
  request_.headers.remove("expect");  // kept towards the client already
  // A service gets its count from its caller; a request that is passed on to it does not tell another.
  if (service_ == 0 || request_.headers.find(kLoopCounterField))
    countDown(request_.headers, context.asker.invocationsLeft);
  switch (effect.bodyKind) {
    case wire::BodyKind::kNone: break;
    case wire::BodyKind::kInline:
      request_.bodyKind = http::RequestBody::kComplete;
      request_.body.assign(reinterpret_cast<const char*>(effect.body.data()), effect.body.size());
      break;
    case wire::BodyKind::kStream:
    case wire::BodyKind::kPipe:
      request_.bodyKind = http::RequestBody::kStreamed;
      if (effect.bodyLength != wire::kLengthUnknown) request_.contentLength = effect.bodyLength;
      uploadOver_ = false;
      break;
  }
  asksForSocket_ = effect.bodyKind == wire::BodyKind::kNone && request_.method == "GET" &&
                   http::websocket::namesWebSocket(request_.headers);
}

// ---- the request ----

void Subrequest::begin() {
  if (headTold_) return;  // it failed or was cancelled while it waited
  begun_ = true;
  awaitsHead_ = !isService();
  if (!url_) return fail(wire::SubrequestFailure::kOther, "Fetch API cannot load: " + givenUrl_);
  if (!context_.owner.countRequest()) {
    return fail(wire::SubrequestFailure::kOther, "Too many subrequests by single Worker invocation.");
  }
  if (!open()) return;
  const std::string early = std::exchange(early_, {});
  if (!early.empty() && !call_->write(std::as_bytes(std::span(early))))
    return fail(wire::SubrequestFailure::kOther, kTooLong);
  if (uploadOver_ && request_.bodyKind == http::RequestBody::kStreamed) call_->finish();
}

bool Subrequest::open() {
  request_.https = url_->https;
  request_.host = url_->host;
  request_.port = url_->port;
  request_.target = url_->target;
  if (service_ != 0) return openService();
  const HostWay way = context_.owner.wayTo(*url_);
  const uint16_t refusal =
      way.errorCode != 0 || way.inside || way.origin ? way.errorCode : context_.outbound.refusesHost(url_->host);
  if (refusal != 0) {
    respondInstead(statusOf(refusal), refusal);
    return false;
  }
  http::ClientRequest request = request_;
  const Asker& asker = context_.asker;
  signScriptRequest(request.headers, {asker.ray, asker.zone, asker.clientIp}, way.toward);
  offer_.reset();
  if (way.inside) {
    call_ = context_.owner.callHost(way, std::move(request), *this);
    return true;
  }
  if (asksForSocket_) {
    const std::string key = context_.sockets.makeSocketKey();
    if (key.empty()) {
      fail(wire::SubrequestFailure::kOther, "Too many WebSockets are open.");
      return false;
    }
    offer_ = http::websocket::setOffer(key, request.headers);
    request.upgrade = http::websocket::kProtocol;
  }
  if (way.origin) {
    if (forwardings(request_.headers) >= kForwardingsMax) {
      respondInstead(statusOf(1000), 1000);
      return false;
    }
    addressToOrigin(request.headers, url_->authority(), url_->https);
    request.https = way.origin->https;
    request.host = way.origin->host;
    request.port = way.origin->port;
    request.policy = &context_.outbound.ofOrigins();
  } else {
    request.policy = &context_.outbound;
  }
  call_ = context_.client.start(std::move(request), *this);
  return true;
}

bool Subrequest::openService() {
  auto [call, errorCode] = context_.owner.callService(service_, request_, *this);
  call_ = std::move(call);
  if (call_) return true;
  if (errorCode != 0) {
    respondInstead(500, errorCode);
  } else {
    fail(wire::SubrequestFailure::kOther, "Worker not found.");
  }
  return false;
}

bool Subrequest::followRedirect(const http::ResponseHead& head, std::string_view location) {
  if (redirect_ == wire::Redirect::kManual) return false;
  if (redirect_ == wire::Redirect::kError) {
    fail(wire::SubrequestFailure::kRedirectRefused, "");
  } else if (redirects_ == kRedirectsMax) {
    fail(wire::SubrequestFailure::kTooManyRedirects, "Too many redirects.");
  } else {
    RedirectRefusal refusal{};
    const auto next = redirect(request_, *url_, head.status, location, replayable_, refusal);
    if (!next || next->url.href().size() > wire::Bounds::kUrlBytesMax) {
      fail(wire::SubrequestFailure::kRedirectRefused,
           next || refusal == RedirectRefusal::kBadLocation
               ? "Invalid Location header; unable to follow redirect."
               : "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a "
                 "redirect requiring the body to be retransmitted. To avoid this error in the future, construct this "
                 "request from a buffer-like body initializer.");
    } else if (!context_.owner.countRequest()) {
      fail(wire::SubrequestFailure::kOther, "Too many subrequests by single Worker invocation.");
    } else {
      ++redirects_;
      url_ = next->url;
      call_.reset();
      if (next->bodyDropped) endUpload();
      if (next->bodyAgain) return replay(), true;
      (void)open();
    }
  }
  return true;
}

// The next hop begins when the engine has begun to send the body anew: until then what comes is of the first time.
void Subrequest::replay() {
  replaying_ = true;
  uploadOver_ = false;
  context_.voice.say(wire::ReplayBody{context_.voice.id(), number_});
}

void Subrequest::onHead(const http::ResponseHead& head) {
  if (isRedirect(head.status)) {
    const auto location = head.headers.find("location");
    if (location && followRedirect(head, *location)) return;
  }
  if (head.status == 101 && offer_) {
    auto agreed = http::websocket::readAgreement(head, *offer_);
    if (!agreed.ok()) return fail(wire::SubrequestFailure::kOther, agreed.error().message);
    deflate_ = *agreed;
  }
  headTold_ = true;
  wire::SubresponseHead out;
  out.invocation = context_.voice.id();
  out.subrequest = number_;
  out.nowMs = context_.clock.wallMs();
  out.status = head.status;
  out.redirected = redirects_ > 0;
  hasBody_ =
      head.framing != http::Framing::kNone && !(head.framing == http::Framing::kLength && head.contentLength == 0);
  out.bodyKind = hasBody_ ? wire::BodyKind::kStream : wire::BodyKind::kNone;
  if (head.framing == http::Framing::kLength) out.bodyLength = head.contentLength;
  out.statusText = std::string_view(head.reason).substr(0, wire::Bounds::kStatusTextBytesMax);
  const std::string url = url_->href();
  out.url = url;
  std::string block;
  appendHead(block, head);
  out.head.text = block;
  context_.voice.say(out);
  settleHead();
}

void Subrequest::onUpgraded(std::unique_ptr<net::Stream> stream, std::string received) {
  call_.reset();
  context_.sockets.onSocket(number_, deflate_, std::move(stream), std::move(received));
}

void Subrequest::onChannel(std::unique_ptr<http::websocket::Channel> channel) {
  call_.reset();
  context_.sockets.onSocket(number_, std::move(channel));
}

void Subrequest::settleHead() {
  if (std::exchange(awaitsHead_, false)) context_.owner.onHeadSettled();
}

void Subrequest::onEnd() {
  call_.reset();
  endUpload();
  if (hasBody_) body_.onEnd();
}

void Subrequest::fail(wire::SubrequestFailure failure, std::string_view message, std::string_view name) {
  call_.reset();
  endUpload();
  if (headTold_) {
    if (hasBody_) body_.onBroken(message);
    return;
  }
  headTold_ = true;
  wire::SubrequestFailed failed;
  failed.invocation = context_.voice.id();
  failed.subrequest = number_;
  failed.nowMs = context_.clock.wallMs();
  failed.failure = failure;
  failed.name = base::cutText(name, wire::Bounds::kTextBytesMax);
  failed.message = base::cutText(message, wire::Bounds::kTextBytesMax);
  context_.voice.say(failed);
  settleHead();
}

void Subrequest::onError(const http::ClientError& error) {
  switch (error.kind) {
    case http::ClientErrorKind::kDns:
    case http::ClientErrorKind::kConnect:
    case http::ClientErrorKind::kConnectTimeout:
    case http::ClientErrorKind::kUnreachable:
    case http::ClientErrorKind::kRefused:
    case http::ClientErrorKind::kTls:
    case http::ClientErrorKind::kCertificate:
    case http::ClientErrorKind::kResponseTimeout: {
      const uint16_t code = errorCodeOf(error);
      return respondInstead(statusOf(code), code);
    }
    case http::ClientErrorKind::kBadRequest: return fail(wire::SubrequestFailure::kOther, error.message);
    case http::ClientErrorKind::kOverloaded: return fail(wire::SubrequestFailure::kOverloaded, error.message);
    case http::ClientErrorKind::kStalled:
    case http::ClientErrorKind::kLost:
    case http::ClientErrorKind::kProtocol: return fail(wire::SubrequestFailure::kConnectionLost, kLost);
  }
}

void Subrequest::onException(std::string_view name, std::string_view message) {
  fail(wire::SubrequestFailure::kException, message, name);
}

// What a proxy in front of a dead origin answers, so that a script sees a Response and no exception.
void Subrequest::respondInstead(uint16_t status, int code) {
  call_.reset();
  endUpload();
  headTold_ = true;
  const std::string body = "error code: " + std::to_string(code) + "\n";
  wire::SubresponseHead out;
  out.invocation = context_.voice.id();
  out.subrequest = number_;
  out.nowMs = context_.clock.wallMs();
  out.status = status;
  out.redirected = redirects_ > 0;
  out.bodyKind = wire::BodyKind::kInline;
  out.bodyLength = body.size();
  const std::string url = url_->href();
  out.url = url;
  out.head.text = "content-type\ntext/plain; charset=UTF-8\n";
  out.body = asWire(std::as_bytes(std::span(body)));
  context_.voice.say(out);
  settleHead();
}

void Subrequest::cancel(std::string_view reason) {
  begun_ = headTold_ = true;
  call_.reset();
  endUpload();
  if (body_.piped()) {
    body_.onBroken(reason);
  } else if (hasBody_) {
    (void)body_.onCancel();
  }
  settleHead();
}

void Subrequest::evict(std::string_view reason) {
  call_.reset();
  endUpload();
  if (hasBody_) body_.onBroken(reason);
}

// ---- the response body ----

void Subrequest::readBody(uint64_t bytes) {
  if (call_) call_->readMore(bytes);
}

void Subrequest::stopBody() {
  call_.reset();
  endUpload();
}

// ---- the request body ----

bool Subrequest::uploadFrom(InboundBody& source) {
  uploadSource_ = &source;
  return source.pipeTo(*this);
}

bool Subrequest::onUploadChunk(std::span<const std::byte> bytes) {
  if (replaying_) return uploadKind_ == wire::BodyKind::kStream && !engineEndedUpload_ && window_.take(bytes.size());
  if (uploadKind_ != wire::BodyKind::kStream || engineEndedUpload_ || !window_.take(bytes.size())) return false;
  if (uploadOver_ || !takeBody(bytes)) return true;
  giveUploadCredit(false);
  return true;
}

bool Subrequest::onUploadEnd() {
  if (uploadKind_ != wire::BodyKind::kStream || std::exchange(engineEndedUpload_, true)) return false;
  if (!uploadOver_ && !replaying_) endBody();
  return true;
}

bool Subrequest::onUploadAbort() {
  if (std::exchange(replaying_, false)) {
    window_ = {};
    engineEndedUpload_ = false;
    if (!headTold_ && !uploadOver_) (void)open();
    return true;
  }
  if (uploadKind_ != wire::BodyKind::kStream || std::exchange(engineEndedUpload_, true)) return false;
  if (!uploadOver_) breakBody(kLost);
  return true;
}

void Subrequest::giveUploadCredit(bool all) {
  if (uploadOver_ || bodyPending() > kPauseBytes) return;
  if (const uint32_t credit = window_.giveBack(all)) {
    context_.voice.say(wire::BodyCredit{context_.voice.id(), number_, credit});
  }
}

void Subrequest::onDrained() {
  if (uploadSource_ != nullptr) return uploadSource_->onSinkDrained();
  giveUploadCredit(true);
}

bool Subrequest::takeBody(std::span<const std::byte> bytes) {
  if (uploadOver_) return false;
  if (!begun_) {
    early_.append(base::asText(bytes));
    return true;
  }
  if (call_->write(bytes)) return true;
  fail(wire::SubrequestFailure::kOther, kTooLong);
  return false;
}

void Subrequest::endBody() {
  uploadOver_ = true;
  uploadSource_ = nullptr;
  if (call_) call_->finish();
}

void Subrequest::breakBody(std::string_view) {
  // The origin sees a cut connection: it cannot take what came for the whole.
  uploadOver_ = true;
  uploadSource_ = nullptr;
  fail(wire::SubrequestFailure::kConnectionLost, kLost);
}

// Nothing more of the request body is taken, whoever sends it.
void Subrequest::endUpload() {
  if (std::exchange(uploadOver_, true)) return;
  early_ = {};
  if (uploadSource_ != nullptr) {
    std::exchange(uploadSource_, nullptr)->forgetSink();
  } else if (!engineEndedUpload_) {
    context_.voice.say(wire::BodyCancel{context_.voice.id(), number_});
  }
}

void Subrequest::detach() {
  call_.reset();
  body_.forgetEngine();
  begun_ = uploadOver_ = true;
  if (uploadSource_ != nullptr) std::exchange(uploadSource_, nullptr)->forgetSink();
}

}  // namespace weir::edge
