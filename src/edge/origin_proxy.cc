#include "edge/origin_proxy.h"

#include <utility>

#include "edge/forwarding.h"
#include "edge/origin_errors.h"
#include "http/websocket/handshake.h"

namespace weir::edge {

namespace websocket = http::websocket;

OriginProxy::OriginProxy(OriginProxyOwner& owner, http::Client& client, const http::AddressPolicy& policy,
                         SocketHome& home, std::shared_ptr<const catalog::RoutedZone> zone, const Ray& ray)
    : owner_(owner), client_(client), policy_(policy), home_(home), zone_(std::move(zone)), ray_(ray) {}

OriginProxy::~OriginProxy() = default;

void OriginProxy::start(http::Exchange& exchange, InnerExchange* inner) {
  Body body;
  if (const auto whole = exchange.takeCompleteBody()) {
    if (!whole->empty() || exchange.head().framing != http::Framing::kNone) {
      body.kind = http::RequestBody::kComplete;
      body.complete.assign(reinterpret_cast<const char*>(whole->data()), whole->size());
    }
  } else {
    body.kind = http::RequestBody::kStreamed;
  }
  take(exchange, inner, std::move(body));
}

void OriginProxy::startLater(http::Exchange& exchange, InnerExchange* inner) {
  Body body;
  if (exchange.head().framing != http::Framing::kNone) body.kind = http::RequestBody::kStreamed;
  take(exchange, inner, std::move(body));
}

void OriginProxy::take(http::Exchange& exchange, InnerExchange* inner, Body body) {
  exchange_ = &exchange;
  inner_ = inner;
  exchange.setEvents(clientSide_);
  if (!zone_->origin) return fail(523);
  if (forwardings(exchange.head().headers) >= kForwardingsMax) return fail(1000);
  send(std::move(body));
}

void OriginProxy::send(Body body) {
  const auto& head = exchange_->head();
  http::ClientRequest request;
  request.method = head.method;
  request.target = head.target;
  request.https = zone_->origin->https;
  request.host = zone_->origin->host;
  request.port = zone_->origin->port;
  request.policy = &policy_;
  request.headers = forwardedRequest(head, {ray_.id(), exchange_->remoteIp(), exchange_->isTls()});
  request.bodyKind = body.kind;
  request.body = std::move(body.complete);
  if (body.kind == http::RequestBody::kStreamed) {
    if (head.framing == http::Framing::kLength) request.contentLength = head.contentLength;
    exchange_->readMore(kWindowBytes);
  }
  if (body.kind == http::RequestBody::kNone && head.method == "GET" && websocket::namesWebSocket(head.headers)) {
    if (home_.full()) return fail(503);
    offer_ = websocket::setOffer(home_.makeKey(), request.headers);
    request.upgrade = websocket::kProtocol;
  }
  call_ = client_.start(std::move(request), originSide_);
}

void OriginProxy::fail(uint16_t page) {
  call_.reset();
  if (exchange_ != nullptr) {
    http::Exchange& exchange = *std::exchange(exchange_, nullptr);
    if (responding_) exchange.abort();
    else owner_.respondWithPage(exchange, page, ray_);
  }
  end();
}

void OriginProxy::end() {
  call_.reset();
  if (!std::exchange(over_, true)) owner_.onProxyOver(*this);
}

// ---- the client ----

void OriginProxy::ClientSide::onBody(std::span<const std::byte> bytes) {
  if (!self.call_) return;
  if (!self.call_->write(bytes)) return self.fail(520);  // it was promised room for a window
  if (self.call_->pendingBytes() > kPauseBytes) self.owedUp_ += bytes.size();
  else self.exchange_->readMore(bytes.size());
}

void OriginProxy::ClientSide::onBodyEnd() {
  if (self.call_) self.call_->finish();
}

void OriginProxy::ClientSide::onBodyRefused(const http::Refusal& refusal) { self.fail(refusal.status); }

void OriginProxy::ClientSide::onDrained() {
  if (self.call_ && self.owedDown_ > 0) self.call_->readMore(std::exchange(self.owedDown_, 0));
}

void OriginProxy::ClientSide::onGone() {
  self.exchange_ = nullptr;
  self.clientGone_ = true;
  self.end();
}

// ---- the origin ----

void OriginProxy::OriginSide::onHead(const http::ResponseHead& head) {
  http::HeaderList headers = forwardedResponse(head);
  headers.set("cf-ray", self.ray_.header());
  if (head.status == 101) {
    if (!self.offer_) return self.fail(520);
    const auto agreed = websocket::readAgreement(head, *self.offer_);
    if (!agreed.ok()) return self.fail(520);
    self.deflate_ = *agreed;
    self.answer_ = std::move(headers);
    return;
  }
  headers.set("cf-cache-status", "DYNAMIC");
  std::optional<uint64_t> length;
  if (head.framing == http::Framing::kLength) length = head.contentLength;
  if (!self.exchange_->startResponse(head.status, headers, length)) return self.fail(520);
  self.responding_ = true;
  self.status_ = head.status;
  self.call_->readMore(kWindowBytes);
}

void OriginProxy::OriginSide::onBody(std::span<const std::byte> bytes) {
  if (self.exchange_->write(bytes) != http::WriteOutcome::kTaken) {
    self.exchange_ = nullptr;  // aborted; a window never is too much
    return self.end();
  }
  self.responseBytes_ += bytes.size();
  if (self.exchange_->pendingBytes() > kPauseBytes) self.owedDown_ += bytes.size();
  else self.call_->readMore(bytes.size());
}

void OriginProxy::OriginSide::onEnd() {
  if (self.exchange_ != nullptr) (void)std::exchange(self.exchange_, nullptr)->finish();
  self.end();
}

void OriginProxy::OriginSide::onError(const http::ClientError& error) { self.fail(errorCodeOf(error)); }

void OriginProxy::OriginSide::onDrained() {
  if (self.exchange_ != nullptr && self.owedUp_ > 0) self.exchange_->readMore(std::exchange(self.owedUp_, 0));
}

// ---- a WebSocket ----

void OriginProxy::OriginSide::onUpgraded(std::unique_ptr<net::Stream> stream, std::string received) {
  constexpr wire::StreamId kUpstream = 1;
  self.call_.reset();
  self.sockets_.emplace(self.home_, self.voice_, static_cast<SocketPumpOwner&>(self));
  self.sockets_->openUpstream(kUpstream, self.deflate_, std::move(stream), std::move(received));
  const auto refusal = self.sockets_->openClient(*self.exchange_, self.inner_, self.answer_, kUpstream);
  if (refusal) return self.fail(refusal->status);
  self.exchange_ = nullptr;
  self.status_ = 101;
}

void OriginProxy::onSocketChanged() {
  if (exchange_ == nullptr && sockets_->ended()) end();
}

}  // namespace weir::edge
