#include "http/client.h"

#include "http/client_call.h"

namespace weir::http {

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
