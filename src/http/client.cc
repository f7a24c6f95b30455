#include "http/client.h"

#include <algorithm>

#include "http/codec/encoder.h"
#include "http/codec/field_syntax.h"
#include "http/codec/response_decoder.h"

namespace weir::http {
namespace {

constexpr size_t kJoinedBytesMax = 16 * 1024;
constexpr size_t kReadAheadBytes = 4 * 1024;  // read beyond the grant

std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> asBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

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

// One upstream connection: owned by the pool while idle, by its call otherwise.
//
// It stands between the decoder and the call, which a callback may drop: dropped connections live until the loop's
// iteration ends.
class ClientConnection final : private net::StreamHandler, private ResponseSink {
 public:
  ClientConnection(Client& client, std::string origin)
      : client_(client),
        origin_(std::move(origin)),
        decoder_(client.limits_),
        idleTimer_(client.loop_.timers(), [this] { client_.dropIdle(*this); }) {}

  // Null when idle.
  void setCall(ClientCallImpl* call) { call_ = call; }
  net::StreamHandler& handler() { return *this; }

 private:
  friend class Client;
  friend class ClientCallImpl;

  void onConnected() override;
  void onReadable() override;
  void onDrained() override;
  void onPeerFinished() override;
  void onError(const net::StreamError& error) override;
  void onHead(const ResponseHead& head) override;
  void onBody(std::span<const std::byte> bytes) override;
  void onEnd() override;

  Client& client_;
  std::string origin_;
  ResponseDecoder decoder_;
  std::unique_ptr<net::Stream> stream_;
  ClientCallImpl* call_ = nullptr;
  bool reused_ = false;
  net::Timer idleTimer_;
  std::list<std::unique_ptr<ClientConnection>>::iterator idlePlace_;
};

class ClientCallImpl final : public ClientCall {
 public:
  ClientCallImpl(Client& client, ClientRequest request, CallEvents& events);
  ~ClientCallImpl() override;

  void begin();

  void readMore(uint64_t bytes) override;
  bool write(std::span<const std::byte> bytes) override;
  void finish() override;
  size_t pendingBytes() const override {
    return unsent_.size() + (sending() ? connection_->stream_->pendingBytes() : 0);
  }

 private:
  friend class ClientConnection;

  // From the connection
  void onConnected();
  void onReadable();
  void onDrained();
  void onStreamError(const net::StreamError& error);

  void onHead(const ResponseHead& head);
  void onBody(std::span<const std::byte> bytes);

  bool sending() const { return connection_ && connected_; }
  void acquire();
  void onResolved(const base::Result<net::Addresses>& result);
  void connectNext();
  void sendRequest();
  void onStep();
  void consume(std::span<const std::byte> bytes, bool held);
  void settleReading();
  void settleTimer();
  void lost(std::string message);
  void fail(ClientErrorKind kind, std::string message);
  void release();
  void onTimer();
  void schedule() { step_.schedule(); }

  Client& client_;
  ClientRequest request_;
  CallEvents* events_;  // null once the last event was told
  std::string head_;
  std::string unsent_;  // request body written before the connection was up
  bool bodyFinished_ = false;
  bool finishSent_ = false;
  uint64_t bodyRemaining_ = 0;
  std::shared_ptr<net::Resolver::Query> query_;
  net::Addresses addresses_;
  size_t nextAddress_ = 0;
  uint32_t tried_ = 0;
  uint16_t refusal_ = 0;  // of the last address that the policy refused
  std::string lastError_;
  ClientErrorKind lastErrorKind_ = ClientErrorKind::kConnect;
  std::unique_ptr<ClientConnection> connection_;
  bool connected_ = false;
  bool retried_ = false;
  bool responseByte_ = false;
  enum class Owed { kNothing, kTaking, kHead, kBody } owed_ = Owed::kNothing;  // by the upstream
  uint64_t received_ = 0;                                                      // bytes behind the head
  uint64_t progressMark_ = 0;                                                  // both ways, when the timer was armed
  bool headTold_ = false;
  bool ended_ = false;
  bool begun_ = false;
  uint64_t granted_ = 0;
  std::string held_;                   // read beyond the grant
  std::optional<ClientError> failed_;  // to be told from the loop
  base::Instant connectDeadline_{};
  net::Timer timer_;
  net::DeferredTask step_;
  net::DropFlag dropFlag_;
};

// ---- Connection --------------------------------------------------------------------------------------------------

void ClientConnection::onConnected() {
  if (call_) call_->onConnected();
}

void ClientConnection::onReadable() {
  if (call_) return call_->onReadable();
  client_.dropIdle(*this);  // an idle upstream has nothing to say but goodbye
}

void ClientConnection::onDrained() {
  if (call_) call_->onDrained();
}

void ClientConnection::onPeerFinished() {
  if (!call_) client_.dropIdle(*this);
}

void ClientConnection::onError(const net::StreamError& error) {
  if (call_) return call_->onStreamError(error);
  client_.dropIdle(*this);
}

void ClientConnection::onHead(const ResponseHead& head) {
  if (call_) call_->onHead(head);
}

void ClientConnection::onBody(std::span<const std::byte> bytes) {
  if (call_) call_->onBody(bytes);
}

void ClientConnection::onEnd() {
  if (call_) call_->ended_ = true;
}

// ---- Call --------------------------------------------------------------------------------------------------------

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
  if (headTold_) room = std::min(granted_, uint64_t{room} - kReadAheadBytes) + kReadAheadBytes;
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
    case net::StreamErrorKind::kTls: lastErrorKind_ = ClientErrorKind::kTls; break;
    case net::StreamErrorKind::kCertificate: lastErrorKind_ = ClientErrorKind::kCertificate; break;
    default: lastErrorKind_ = ClientErrorKind::kConnect; break;
  }
  lastError_ = error.message;
  client_.discard(std::move(connection_));
  if (lastErrorKind_ != ClientErrorKind::kConnect) return fail(lastErrorKind_, lastError_);
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

// ---- Client ------------------------------------------------------------------------------------------------------

Client::Client(net::Loop& loop, net::Resolver& resolver, const net::TlsClientContext* tls, const HttpLimits& limits)
    : loop_(loop), resolver_(resolver), tls_(tls), limits_(limits), readBuffer_(limits.readBytesMax) {}

Client::~Client() {
  idleByOrigin_.clear();
  idle_.clear();
}

std::unique_ptr<ClientCall> Client::start(ClientRequest request, CallEvents& events) {
  return std::make_unique<ClientCallImpl>(*this, std::move(request), events);
}

std::unique_ptr<ClientConnection> Client::takeIdle(const std::string& origin) {
  const auto found = idleByOrigin_.find(origin);
  if (found == idleByOrigin_.end()) return nullptr;
  ClientConnection* const newest = found->second.back();
  found->second.pop_back();
  if (found->second.empty()) idleByOrigin_.erase(found);
  auto connection = std::move(*newest->idlePlace_);
  idle_.erase(newest->idlePlace_);
  connection->idleTimer_.disarm();
  connection->reused_ = true;
  return connection;
}

void Client::keepIdle(std::unique_ptr<ClientConnection> connection) {
  auto& siblings = idleByOrigin_[connection->origin_];
  if (siblings.size() >= limits_.poolIdlePerOriginMax || limits_.poolIdleMax == 0) {
    if (siblings.empty()) idleByOrigin_.erase(connection->origin_);
    return discard(std::move(connection));
  }
  ClientConnection* const raw = connection.get();
  siblings.push_back(raw);
  raw->idlePlace_ = idle_.insert(idle_.end(), std::move(connection));
  raw->idleTimer_.arm(loop_.now() + limits_.poolIdleTimeout);
  raw->stream_->setReading(true);
  if (idle_.size() > limits_.poolIdleMax) dropIdle(*idle_.front());
}

void Client::dropIdle(ClientConnection& connection) {
  const auto found = idleByOrigin_.find(connection.origin_);
  std::erase(found->second, &connection);
  if (found->second.empty()) idleByOrigin_.erase(found);
  auto owned = std::move(*connection.idlePlace_);
  idle_.erase(connection.idlePlace_);
  discard(std::move(owned));
}

void Client::discard(std::unique_ptr<ClientConnection> connection) {
  --connections_;
  connection->setCall(nullptr);
  connection->stream_.reset();
  connection->idleTimer_.disarm();
  loop_.dispose(std::move(connection));  // one of its callbacks may be below
}

}  // namespace weir::http
