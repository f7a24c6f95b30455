#include "http/client_connection.h"

#include "http/client_call.h"

namespace weir::http {

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

}  // namespace weir::http
