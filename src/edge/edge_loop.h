// EdgeLoop: the data plane of one thread. Requests come in over HTTP, become invocations on an engine, and go out as
// responses, error pages and trace records.
//
// Threads: everything on the loop's thread, but for `replaceEngine`, `setRoutes` and `drain`, which post to it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/engine_link.h"
#include "edge/ray.h"
#include "edge/routes.h"
#include "http/client.h"
#include "http/server.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "observe/sink.h"

namespace weir::edge {

class Invocation;
class Subrequest;

class EdgeLoop final : private http::RequestHandler, private net::BatchHook, private net::SleepHook {
 public:
  struct Options {
    uint32_t index = 0;
    net::Address address;
    RaySource::Key rayKey{};
    const base::Clock& clock;
    std::vector<observe::Sink*> sinks;  // borrowed; outlive the loop
    std::vector<std::shared_ptr<sandbox::EngineLink>> engines;
    std::shared_ptr<const Routes> routes;
    // Version-level effects of an engine: start-up failures and the like. Called on this loop's thread.
    std::function<void(uint32_t engine, const wire::Effect&)> onVersionEffect;
  };

  // Listens at once; `run` serves.
  static base::Result<std::unique_ptr<EdgeLoop>> open(Options options);
  ~EdgeLoop();

  void run() { loop_.run(); }
  const net::Address& address() const { return server_->address(); }

  // Any thread. In-flight invocations of the engine it replaces end with internalError.
  void replaceEngine(uint32_t index, std::shared_ptr<sandbox::EngineLink> link);
  void setRoutes(std::shared_ptr<const Routes> routes);
  // Stops accepting, finishes what runs for at most `bound`, then ends `run`.
  void drain(std::chrono::milliseconds bound);

 private:
  friend class Invocation;
  friend class Subrequest;
  class EngineWake;

  explicit EdgeLoop(Options options);
  void onRequest(http::Exchange& exchange) override;
  void describeRefusal(const http::Refusal& refusal, http::HeaderList& headers, std::string& body) override;
  void onBatchEnd() override;
  bool beforeSleep() override;
  void afterWake() override;

  bool drainEngine(uint32_t index);
  void onEffect(uint32_t engine, wire::Bytes bytes);
  void loseEngine(uint32_t index);
  Invocation* find(wire::InvocationId id, uint32_t engine);
  void release(Invocation& invocation);
  void respondWithPage(http::Exchange& exchange, uint16_t code, const Ray& ray);
  uint32_t engineFor(const sandbox::RunnableVersion& version) const;

  Options options_;
  net::Loop loop_;
  RaySource rays_;
  net::Resolver resolver_;
  std::unique_ptr<net::TlsClientContext> tls_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<http::Server> server_;
  std::vector<std::unique_ptr<EngineWake>> wakes_;
  std::vector<std::unique_ptr<Invocation>> slots_;
  std::vector<uint32_t> free_;
  std::vector<uint8_t> record_;  // a private copy of the effect being handled
  uint32_t generation_ = 1;
  uint32_t inFlight_ = 0;
};

}  // namespace weir::edge
