#include "http/server.h"

#include "http/codec/encoder.h"
#include "http/server_connection.h"

namespace weir::http {

void RequestHandler::describeRefusal(const Refusal& refusal, const RequestHead&, const net::Address&,
                                     HeaderList& headers, std::string& body) {
  headers.add("Content-Type", "text/plain; charset=utf-8");
  body.assign(refusal.reason);
  body.push_back('\n');
}

base::Result<std::unique_ptr<Server>> Server::open(net::Loop& loop, const Options& options, RequestHandler& handler) {
  std::unique_ptr<Server> server(new Server(loop, options, handler));
  auto listener = net::Listener::open(loop, options.address, *server, options.listener);
  if (!listener.ok()) return listener.error();
  server->listener_ = std::move(*listener);
  server->address_ = server->listener_->address();
  return server;
}

Server::Server(net::Loop& loop, const Options& options, RequestHandler& handler)
    : loop_(loop),
      handler_(handler),
      limits_(options.limits),
      tls_(options.tls),
      readBuffer_(options.limits.readBytesMax),
      flush_(
          loop, [this] { flushCorked(); }, net::DeferredTask::Order::kLast),
      drainTimer_(loop.timers(), [this] { closeAll(); }) {}

Server::~Server() {
  onEmpty_ = nullptr;
  listener_.reset();
  closeAll();
}

void Server::closeAll() {
  while (!active_.empty()) active_.front()->close();
  while (!idle_.empty()) idle_.front()->close();
}

void Server::onAccept(net::Fd socket, const net::Address& peer) {
  if (connectionCount() >= limits_.connectionsMax) {
    if (idle_.empty()) return;
    idle_.front()->close();
  }
  new ServerConnection(*this, std::move(socket), peer);  // enters itself into `idle_`, which owns it
  handler_.onConnectionOpened();
}

void Server::forget(ServerConnection& connection) {
  connection.list_->erase(connection.place_);
  connection.list_ = nullptr;
  handler_.onConnectionClosed(connection.requests_);
  // Frames below may still be in the connection.
  loop_.dispose(std::unique_ptr<ServerConnection>(&connection));
  if (onEmpty_ && connectionCount() == 0) {
    drainTimer_.disarm();
    loop_.post(std::exchange(onEmpty_, nullptr));
  }
}

void Server::flushCorked() {
  for (size_t i = 0; i < corked_.size(); ++i) {
    ServerConnection* const connection = corked_[i];
    if (!connection) continue;  // closed since
    connection->flushScheduled_ = false;
    connection->flushCorked();
  }
  corked_.clear();
}

void Server::drain(std::chrono::milliseconds bound, std::function<void()> onEmpty) {
  draining_ = true;
  // Clients that have connected may have sent a request already, and so may those that are idle as far as was read.
  if (listener_) listener_->acceptWaiting();
  listener_.reset();
  for (ServerConnection* connection : std::vector<ServerConnection*>(idle_.begin(), idle_.end())) connection->drain();
  if (connectionCount() == 0) {
    loop_.post(std::move(onEmpty));
    return;
  }
  onEmpty_ = std::move(onEmpty);
  drainTimer_.arm(loop_.now() + bound);
}

std::string_view Server::date() {
  if (loop_.now() >= dateUntil_ || date_.empty()) {
    const auto wallMs = static_cast<int64_t>(loop_.clock().wallMs());
    date_ = formatDate(wallMs / 1000);
    dateUntil_ = loop_.now() + std::chrono::milliseconds(1000 - wallMs % 1000);
  }
  return date_;
}

}  // namespace weir::http
