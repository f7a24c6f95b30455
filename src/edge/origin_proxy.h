// OriginProxy: one request that no script answers, passed on to its zone's origin, and the response passed back: what a
// reverse proxy does, with the header fields of the platform (reference/error-codes.md §3.5). Bodies flow both ways as
// fast as the slower side takes them; a WebSocket is joined, message by message. No engine is concerned.
//
// Threads: its loop's.
#pragma once

#include <memory>

#include "base/clock.h"
#include "catalog/routing.h"
#include "edge/inner_call.h"
#include "edge/ray.h"
#include "edge/sockets.h"
#include "http/client.h"
#include "http/server.h"

namespace weir::edge {

class OriginProxy;

// What a proxy needs of its loop.
class OriginProxyOwner {
 public:
  virtual void respondWithPage(http::Exchange& exchange, uint16_t code, const Ray& ray) = 0;
  // It is over: to be disposed of, not destroyed at once.
  virtual void onProxyOver(OriginProxy& proxy) = 0;

 protected:
  ~OriginProxyOwner() = default;
};

class OriginProxy final : private SocketPumpOwner {
 public:
  // Everything borrowed; it outlives this.
  OriginProxy(OriginProxyOwner& owner, http::Client& client, const http::AddressPolicy& policy, SocketHome& home,
              std::shared_ptr<const catalog::RoutedZone> zone, const Ray& ray);
  ~OriginProxy();

  OriginProxy(const OriginProxy&) = delete;
  OriginProxy& operator=(const OriginProxy&) = delete;

  // Once, from within onRequest. `inner`: the same exchange when the client is a script, else null. May be over when it
  // returns.
  void start(http::Exchange& exchange, InnerExchange* inner);
  // The same after onRequest has returned; nothing of the body has been read.
  void startLater(http::Exchange& exchange, InnerExchange* inner);
  // The same with an exchange that was another's until now: its whole body, or none of a streamed one has been read.
  struct Body {
    http::RequestBody kind = http::RequestBody::kNone;
    std::string complete;
  };
  void take(http::Exchange& exchange, InnerExchange* inner, Body body);

  bool over() const { return over_; }
  // Of the origin's response, as far as it was passed on.
  uint16_t status() const { return status_; }
  uint64_t responseBytes() const { return responseBytes_ + (sockets_ ? sockets_->clientBytes() : 0); }
  // The client left before it was whole.
  bool clientGone() const { return clientGone_ || (sockets_ && sockets_->clientLost()); }

 private:
  static constexpr uint64_t kWindowBytes = 256u << 10;  // asked for and not passed on, each way
  static constexpr size_t kPauseBytes = 128u << 10;     // waiting for a slow side; above it the other side waits

  // The two sides call back by the same names.
  struct ClientSide final : http::ExchangeEvents {
    explicit ClientSide(OriginProxy& proxy) : self(proxy) {}
    void onBody(std::span<const std::byte> bytes) override;
    void onBodyEnd() override;
    void onBodyRefused(const http::Refusal& refusal) override;
    void onDrained() override;
    void onGone() override;
    OriginProxy& self;
  };
  struct OriginSide final : http::CallEvents {
    explicit OriginSide(OriginProxy& proxy) : self(proxy) {}
    void onHead(const http::ResponseHead& head) override;
    void onBody(std::span<const std::byte> bytes) override;
    void onEnd() override;
    void onError(const http::ClientError& error) override;
    void onDrained() override;
    void onUpgraded(std::unique_ptr<net::Stream> stream, std::string received) override;
    OriginProxy& self;
  };

  void send(Body body);
  // SocketPumpOwner
  void onSocketChanged() override;
  // Ends it: with a page if nothing was answered yet, else by cutting the connection.
  void fail(uint16_t page);
  void end();

  OriginProxyOwner& owner_;
  http::Client& client_;
  const http::AddressPolicy& policy_;
  SocketHome& home_;
  const std::shared_ptr<const catalog::RoutedZone> zone_;
  const Ray ray_;
  ClientSide clientSide_{*this};
  OriginSide originSide_{*this};
  http::Exchange* exchange_ = nullptr;           // null once it is dead
  InnerExchange* inner_ = nullptr;               // the same, when the client is a script
  std::optional<http::websocket::Offer> offer_;  // the client asked for a WebSocket
  std::optional<http::websocket::DeflateParameters> deflate_;
  http::HeaderList answer_;                  // the origin's 101
  EngineVoice voice_{wire::InvocationId{}};  // of nobody
  std::optional<Sockets> sockets_;
  std::unique_ptr<http::ClientCall> call_;
  uint64_t owedUp_ = 0;    // request bytes passed on and not asked for again
  uint64_t owedDown_ = 0;  // likewise of the response
  uint16_t status_ = 0;
  uint64_t responseBytes_ = 0;
  bool clientGone_ = false;
  bool responding_ = false;
  bool over_ = false;
};

}  // namespace weir::edge
