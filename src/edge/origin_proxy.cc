#include "edge/origin_proxy.h"

#include <utility>

#include "edge/forwarding.h"
#include "edge/origin_errors.h"

namespace weir::edge {

OriginProxy::OriginProxy(OriginProxyOwner& owner, http::Client& client, std::shared_ptr<const catalog::RoutedZone> zone,
                         const Ray& ray)
    : owner_(owner), client_(client), zone_(std::move(zone)), ray_(ray) {}

OriginProxy::~OriginProxy() = default;

void OriginProxy::start(http::Exchange& exchange) {
  exchange_ = &exchange;
  const auto& head = exchange.head();
  exchange.setEvents(clientSide_);
  if (!zone_->origin) return fail(523);
  if (forwardings(head.headers) >= kForwardingsMax) return fail(1000);
  http::ClientRequest request;
  request.method = head.method;
  request.target = head.target;
  request.https = zone_->origin->https;
  request.host = zone_->origin->host;
  request.port = zone_->origin->port;
  request.headers = forwardedRequest(head, {ray_.id(), exchange.remoteIp(), exchange.isTls()});
  if (const auto body = exchange.takeCompleteBody()) {
    if (!body->empty() || head.framing != http::Framing::kNone) {
      request.bodyKind = http::RequestBody::kComplete;
      request.body.assign(reinterpret_cast<const char*>(body->data()), body->size());
    }
  } else {
    request.bodyKind = http::RequestBody::kStreamed;
    if (head.framing == http::Framing::kLength) request.contentLength = head.contentLength;
    exchange.readMore(kWindowBytes);
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
  self.end();
}

// ---- the origin ----

void OriginProxy::OriginSide::onHead(const http::ResponseHead& head) {
  http::HeaderList headers = forwardedResponse(head);
  headers.set("cf-ray", self.ray_.header());
  headers.set("cf-cache-status", "DYNAMIC");
  std::optional<uint64_t> length;
  if (head.framing == http::Framing::kLength) length = head.contentLength;
  if (!self.exchange_->startResponse(head.status, headers, length)) return self.fail(520);
  self.responding_ = true;
  self.call_->readMore(kWindowBytes);
}

void OriginProxy::OriginSide::onBody(std::span<const std::byte> bytes) {
  if (self.exchange_->write(bytes) != http::WriteOutcome::kTaken) {
    self.exchange_ = nullptr;  // aborted; a window never is too much
    return self.end();
  }
  if (self.exchange_->pendingBytes() > kPauseBytes) self.owedDown_ += bytes.size();
  else self.call_->readMore(bytes.size());
}

void OriginProxy::OriginSide::onEnd() {
  if (self.exchange_ != nullptr) (void)std::exchange(self.exchange_, nullptr)->finish();
  self.end();
}

void OriginProxy::OriginSide::onError(const http::ClientError& error) { self.fail(errorCodeOf(error.kind)); }

void OriginProxy::OriginSide::onDrained() {
  if (self.exchange_ != nullptr && self.owedUp_ > 0) self.exchange_->readMore(std::exchange(self.owedUp_, 0));
}

}  // namespace weir::edge
