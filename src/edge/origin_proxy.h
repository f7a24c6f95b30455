// OriginProxy: one request that no script answers, passed on to its zone's origin, and the response passed back: what a
// reverse proxy does, with the header fields of the platform (reference/error-codes.md §3.5). Bodies flow both ways as
// fast as the slower side takes them. No engine is concerned.
//
// Threads: its loop's.
#pragma once

#include <memory>

#include "base/clock.h"
#include "catalog/routing.h"
#include "edge/ray.h"
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

class OriginProxy {
 public:
  // Everything borrowed; it outlives this.
  OriginProxy(OriginProxyOwner& owner, http::Client& client, std::shared_ptr<const catalog::RoutedZone> zone,
              const Ray& ray);
  ~OriginProxy();

  OriginProxy(const OriginProxy&) = delete;
  OriginProxy& operator=(const OriginProxy&) = delete;

  // Once, from within onRequest. May be over when it returns.
  void start(http::Exchange& exchange);

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
    OriginProxy& self;
  };

  // Ends it: with a page if nothing was answered yet, else by cutting the connection.
  void fail(uint16_t page);
  void end();

  OriginProxyOwner& owner_;
  http::Client& client_;
  const std::shared_ptr<const catalog::RoutedZone> zone_;
  const Ray ray_;
  ClientSide clientSide_{*this};
  OriginSide originSide_{*this};
  http::Exchange* exchange_ = nullptr;  // null once it is dead
  std::unique_ptr<http::ClientCall> call_;
  uint64_t owedUp_ = 0;    // request bytes passed on and not asked for again
  uint64_t owedDown_ = 0;  // likewise of the response
  bool responding_ = false;
  bool over_ = false;
};

}  // namespace weir::edge
