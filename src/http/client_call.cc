#include "http/client_call.h"

#include <algorithm>

#include "base/byte_text.h"
#include "http/buffering.h"
#include "http/codec/encoder.h"
#include "http/codec/field_syntax.h"

namespace weir::http {
namespace {

using base::asBytes;
using base::asText;

// What two requests must agree on to share connections.
std::string originOf(const ClientRequest& request) {
  std::string origin = request.https ? "s|" : "p|";
  origin += request.host + "|" + std::to_string(request.port) + "|";
  origin += std::to_string(reinterpret_cast<uintptr_t>(request.policy));
  return origin;
}

std::string authorityOf(const ClientRequest& request) {
  if (const auto host = request.headers.find("host")) return std::string(*host);
  std::string authority = request.host.find(':') == std::string::npos ? request.host : "[" + request.host + "]";
  if (request.port != (request.https ? 443 : 80)) authority += ":" + std::to_string(request.port);
  return authority;
}

}  // namespace

ClientCallImpl::ClientCallImpl(Client& client, ClientRequest request, CallEvents& events)
    : client_(client),
      request_(std::move(request)),
      events_(&events),
      timer_(client.loop_.timers(), [this] { onTimer(); }),
      step_(client.loop_, [this] { onStep(); }) {
  if (request_.port == 0) request_.port = request_.https ? 443 : 80;
  bodyRemaining_ = request_.contentLength.value_or(0);
  RequestFraming framing;
  switch (request_.bodyKind) {
    case RequestBody::kNone: {
      // A method that usually has a body says that there is none (RFC 9110 §8.6).
      const bool expectsBody = request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
      if (expectsBody) framing.framing = Framing::kLength;
      bodyFinished_ = true;
      break;
    }
    case RequestBody::kComplete:
      framing.framing = Framing::kLength;
      framing.contentLength = request_.body.size();
      bodyFinished_ = true;
      break;
    case RequestBody::kStreamed:
      framing.framing = request_.contentLength ? Framing::kLength : Framing::kChunked;
      framing.contentLength = bodyRemaining_;
      break;
  }
  if (!request_.upgrade.empty()) {
    framing.connection = "Upgrade";
    framing.upgrade = request_.upgrade;
  }
  if (!appendRequestHead(head_, request_.method, request_.target, authorityOf(request_), request_.headers, framing) ||
      request_.method == "CONNECT") {
    failed_ = ClientError{ClientErrorKind::kBadRequest, "the request's method, URL or a header cannot be sent"};
  }
  schedule();
}

ClientCallImpl::~ClientCallImpl() {
  if (connection_) {
    connection_->stream_->resetOnClose();
    client_.discard(std::move(connection_));
  }
}

void ClientCallImpl::onStep() {
  if (!events_) return;
  if (failed_) {
    const ClientError error = std::move(*failed_);
    failed_.reset();
    return fail(error.kind, error.message);
  }
  if (!begun_) {
    begun_ = true;
    return acquire();
  }
  if (sending() && (ended_ || responseByte_)) consume(asBytes(held_), true);
}

void ClientCallImpl::acquire() {
  if (!retried_) connection_ = client_.takeIdle(originOf(request_));
  // What could not be sent again is not sent where the end is already known.
  if (connection_ && !isIdempotent(request_.method) && connection_->stream_->atEnd())
    client_.discard(std::move(connection_));
  if (connection_) {
    connection_->setCall(this);
    connected_ = true;
    return sendRequest();
  }
  if (client_.connections_ >= client_.limits_.upstreamConnectionsMax && !client_.idle_.empty())
    client_.dropIdle(*client_.idle_.front());
  if (client_.connections_ >= client_.limits_.upstreamConnectionsMax)
    return fail(ClientErrorKind::kOverloaded, "too many upstream connections");
  if (request_.https && !client_.tls_) return fail(ClientErrorKind::kTls, "no TLS here");
  connectDeadline_ = client_.loop_.now() + client_.limits_.connectTimeout;
  timer_.arm(connectDeadline_);
  addresses_.clear();
  nextAddress_ = 0;
  tried_ = 0;
  if (auto known = client_.resolver_.find(request_.host)) return onResolved(std::move(*known));
  query_ = client_.resolver_.resolve(request_.host,
                                     [this](const base::Result<net::Addresses>& result) { onResolved(result); });
}

void ClientCallImpl::onResolved(const base::Result<net::Addresses>& result) {
  if (!result.ok()) return fail(ClientErrorKind::kDns, result.error().message);
  addresses_ = *result;
  connectNext();
}

void ClientCallImpl::connectNext() {
  while (nextAddress_ < addresses_.size() && tried_ < client_.limits_.addressesTriedMax) {
    net::Address address = addresses_[nextAddress_++];
    address.setPort(request_.port);
    if (const uint16_t reason = request_.policy ? request_.policy->refuses(address, request_.host) : 0) {
      refusal_ = reason;
      continue;
    }
    ++tried_;
    connected_ = false;
    connection_ = std::make_unique<ClientConnection>(client_, originOf(request_));
    ++client_.connections_;
    connection_->setCall(this);
    net::StreamLimits limits{.pendingBytesMax = std::numeric_limits<size_t>::max(),  // `write` keeps the bound
                             .lowWaterBytes = client_.limits_.lowWaterBytes,
                             .connectTimeout = client_.limits_.connectTimeout};
    connection_->stream_ = net::Stream::connect(client_.loop_, address, connection_->handler(), limits,
                                                request_.https ? client_.tls_ : nullptr, request_.host);
    return;
  }
  if (tried_ > 0) return fail(lastErrorKind_, lastError_);
  if (refusal_ != 0)
    return fail(ClientErrorKind::kRefused, "connecting to the address of '" + request_.host + "' is not allowed");
  fail(ClientErrorKind::kDns, "'" + request_.host + "' has no address");
}

void ClientCallImpl::onConnected() {
  connected_ = true;
  sendRequest();
}

void ClientCallImpl::sendRequest() {
  net::Stream& stream = *connection_->stream_;
  const bool kept = unsent_.size() > client_.limits_.lowWaterBytes;
  connection_->decoder_.start(request_.method == "HEAD" ? ResponseTo::kHead : ResponseTo::kOther);
  responseByte_ = false;
  if (request_.bodyKind == RequestBody::kComplete && request_.body.size() > kJoinedBytesMax) {
    const iovec parts[] = {{head_.data(), head_.size()}, {request_.body.data(), request_.body.size()}};
    stream.write(parts);
  } else {
    std::string joined = head_;
    joined.append(request_.body);
    joined.append(unsent_);
    unsent_.clear();
    stream.write(joined);
  }
  if (bodyFinished_) finishSent_ = true;
  stream.setReadsRest(true);
  stream.setReading(true);
  settleTimer();
  if (kept && stream.pendingBytes() <= client_.limits_.lowWaterBytes) events_->onDrained();
}

bool ClientCallImpl::write(std::span<const std::byte> bytes) {
  CHECK(request_.bodyKind == RequestBody::kStreamed);
  CHECK(!bodyFinished_);
  if (!events_ || bytes.empty()) return true;
  if (pendingBytes() > client_.limits_.pendingBytesMax) return false;
  const bool chunked = !request_.contentLength;
  if (!chunked) {
    if (bytes.size() > bodyRemaining_) return false;
    bodyRemaining_ -= bytes.size();
  }
  std::string size;
  if (chunked) appendChunkSize(size, bytes.size());
  if (!sending()) {
    unsent_ += size;
    unsent_ += asText(bytes);
    if (chunked) unsent_ += kChunkEnd;
    return true;
  }
  const iovec parts[] = {{size.data(), size.size()},
                         {const_cast<std::byte*>(bytes.data()), bytes.size()},
                         {const_cast<char*>(kChunkEnd.data()), chunked ? kChunkEnd.size() : 0}};
  connection_->stream_->write(parts);
  settleTimer();
  return true;
}

void ClientCallImpl::finish() {
  CHECK(request_.bodyKind == RequestBody::kStreamed);
  if (!events_ || bodyFinished_) return;
  bodyFinished_ = true;
  if (bodyRemaining_ > 0) {
    failed_ = ClientError{ClientErrorKind::kBadRequest, "the request body is shorter than declared"};
    return schedule();
  }
  if (!sending()) {
    if (!request_.contentLength) unsent_ += kLastChunk;
    return;
  }
  finishSent_ = true;
  if (!request_.contentLength) connection_->stream_->write(kLastChunk);
  settleTimer();
}

void ClientCallImpl::readMore(uint64_t bytes) {
  granted_ += std::min(bytes, std::numeric_limits<uint64_t>::max() - granted_);
  if (!events_ || !sending()) return;
  if (!held_.empty()) return schedule();
  settleReading();
}

void ClientCallImpl::settleReading() {
  // A little is read ahead of the grant, or the end behind the last granted byte would never be seen.
  connection_->stream_->setReading(held_.empty());
  settleTimer();
}

// One timer for whatever the upstream owes us now. Our own slowness, and that of whoever sends or reads through us, is
// not its fault.
void ClientCallImpl::settleTimer() {
  if (!sending()) return;  // connecting has its own deadline
  const net::Stream& stream = *connection_->stream_;
  Owed owes = Owed::kNothing;
  if (stream.pendingBytes() > 0) {
    owes = Owed::kTaking;
  } else if (!headTold_) {
    if (finishSent_) owes = Owed::kHead;
  } else if (held_.empty() && granted_ > 0) {
    owes = Owed::kBody;
  }
  // A wait goes on until there is progress; another wait, or progress, starts it anew.
  const uint64_t progress = stream.sentBytes() + received_;
  if (owes == owed_ && progress == progressMark_) return;
  owed_ = owes;
  progressMark_ = progress;
  if (owes == Owed::kNothing) return timer_.disarm();
  const HttpLimits& limits = client_.limits_;
  timer_.arm(client_.loop_.now() + (owes == Owed::kHead ? limits.responseHeadTimeout : limits.upstreamStallTimeout));
}

void ClientCallImpl::onReadable() {
  auto& buffer = client_.readBuffer_;
  size_t room = buffer.size();
  if (headTold_) room = readRoom(room, granted_);
  const auto got = connection_->stream_->read({buffer.data(), room});
  switch (got.kind) {
    case net::Stream::ReadResult::kNothingYet: return;
    case net::Stream::ReadResult::kError: return lost("the connection was reset");
    case net::Stream::ReadResult::kEnd: {
      ResponseSink& sink = *connection_;
      const bool whole = responseByte_ && connection_->decoder_.finish(sink).ok();
      if (!whole) return lost("the connection ended before the response");
      return consume({}, false);
    }
    case net::Stream::ReadResult::kBytes:
      responseByte_ = true;
      if (headTold_) received_ += got.bytes;  // a head that drips is given no more time
      return consume({buffer.data(), got.bytes}, false);
  }
}

void ClientCallImpl::onHead(const ResponseHead& head) {
  if (head.status == 101 && request_.upgrade.empty()) return;  // `consume` fails the call
  headTold_ = true;
  events_->onHead(head);
}

void ClientCallImpl::onBody(std::span<const std::byte> bytes) {
  granted_ -= bytes.size();
  events_->onBody(bytes);
}

void ClientCallImpl::consume(std::span<const std::byte> bytes, bool held) {
  net::DropFlag::Watch watch(dropFlag_);
  // The decoder may be in use below when a callback drops this call; `connection` keeps it then (see the destructor).
  ResponseDecoder& decoder = connection_->decoder_;
  std::string taken;
  if (held) {
    taken.swap(held_);
    bytes = asBytes(taken);
  }
  while (!ended_ && !decoder.upgraded()) {
    const auto fed = decoder.feed(bytes, *connection_, granted_);
    if (watch.dropped()) return;
    if (!fed.ok()) return fail(ClientErrorKind::kProtocol, fed.error().reason);
    bytes = bytes.subspan(*fed);
    if (*fed == 0) break;
  }
  held_.assign(asText(bytes));
  if (decoder.upgraded()) {
    if (request_.upgrade.empty()) return fail(ClientErrorKind::kProtocol, "an upgrade that was not asked for");
    timer_.disarm();
    CallEvents* const events = std::exchange(events_, nullptr);
    auto stream = std::move(connection_->stream_);
    stream->setReading(false);
    stream->setReadsRest(false);
    client_.discard(std::move(connection_));
    events->onUpgraded(std::move(stream), std::move(held_));
    return;
  }
  if (ended_) return release();
  settleReading();
}

void ClientCallImpl::onDrained() {
  settleTimer();
  if (events_) events_->onDrained();
}

// The response is whole.
void ClientCallImpl::release() {
  timer_.disarm();
  auto connection = std::move(connection_);
  connection->setCall(nullptr);
  const bool clean = connection->decoder_.head().keepAlive && held_.empty() && finishSent_ &&
                     connection->stream_->pendingBytes() == 0 && connection->stream_->connected() &&
                     !connection->stream_->atEnd();
  if (clean) {
    client_.keepIdle(std::move(connection));
  } else {
    client_.discard(std::move(connection));
  }
  std::exchange(events_, nullptr)->onEnd();
}

void ClientCallImpl::onStreamError(const net::StreamError& error) {
  if (connected_) return lost(error.message);
  switch (error.kind) {
    case net::StreamErrorKind::kTimeout: lastErrorKind_ = ClientErrorKind::kConnectTimeout; break;
    case net::StreamErrorKind::kUnreachable: lastErrorKind_ = ClientErrorKind::kUnreachable; break;
    case net::StreamErrorKind::kTls: lastErrorKind_ = ClientErrorKind::kTls; break;
    case net::StreamErrorKind::kCertificate: lastErrorKind_ = ClientErrorKind::kCertificate; break;
    default: lastErrorKind_ = ClientErrorKind::kConnect; break;
  }
  lastError_ = error.message;
  client_.discard(std::move(connection_));
  const bool ofAddress = lastErrorKind_ == ClientErrorKind::kConnect || lastErrorKind_ == ClientErrorKind::kUnreachable;
  if (!ofAddress) return fail(lastErrorKind_, lastError_);
  connectNext();
}

void ClientCallImpl::lost(std::string message) {
  const bool replayable = request_.bodyKind != RequestBody::kStreamed && isIdempotent(request_.method);
  if (connection_->reused_ && !responseByte_ && !retried_ && replayable) {
    retried_ = true;
    client_.discard(std::move(connection_));
    connected_ = finishSent_ = false;
    owed_ = Owed::kNothing;
    return acquire();
  }
  fail(ClientErrorKind::kLost, std::move(message));
}

void ClientCallImpl::fail(ClientErrorKind kind, std::string message) {
  timer_.disarm();
  query_.reset();
  if (connection_) {
    client_.discard(std::move(connection_));
  }
  if (CallEvents* const events = std::exchange(events_, nullptr)) events->onError({kind, std::move(message), refusal_});
}

void ClientCallImpl::onTimer() {
  if (!connected_) {
    failed_ = ClientError{ClientErrorKind::kConnectTimeout, "connecting timed out"};
  } else {
    // The timer may be from before the last progress, which is looked at here because a send in the background tells
    // nobody.
    const Owed before = owed_;
    settleTimer();
    if (timer_.armed() || owed_ != before) return;
    failed_ = before == Owed::kHead ? ClientError{ClientErrorKind::kResponseTimeout, "the response head timed out"}
                                    : ClientError{ClientErrorKind::kStalled, "a body stalled"};
  }
  schedule();  // not from here: the callback may drop the call, and with it this timer
}

}  // namespace weir::http
