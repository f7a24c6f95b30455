// ClientConnection: one upstream connection of a Client. Part of the client; others include http/client.h.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "http/client.h"
#include "http/codec/response_decoder.h"
#include "net/loop.h"

namespace weir::http {

// Owned by the pool while idle, by its call otherwise.
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

}  // namespace weir::http
