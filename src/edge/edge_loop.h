// EdgeLoop: the data plane of one thread. Requests come in over HTTP, become invocations on an engine, and go out as
// responses, error pages and trace records.
//
// Threads: everything on the loop's thread, but for `useEngine`, `loseEngine`, `setRoutes` and `drain`, which post to
// it.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "edge/asset_server.h"
#include "edge/call_chain.h"
#include "edge/cron_clock.h"
#include "edge/engine_seat.h"
#include "edge/error_page.h"
#include "edge/origin_proxy.h"
#include "edge/outbound_policy.h"
#include "edge/rate_counters.h"
#include "edge/ray.h"
#include "edge/routes.h"
#include "edge/socket_home.h"
#include "http/client.h"
#include "http/server.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "observe/sink.h"

namespace weir::edge {

class InnerExchange;
class Invocation;

// When an exchange is handed to an invocation: its body may have come with the head only while it is being told of.
enum class BodyMoment : uint8_t { kWithHead, kLater };

class EdgeLoop final : private http::RequestHandler,
                       private OriginProxyOwner,
                       private net::BatchHook,
                       private net::SleepHook {
 public:
  struct Options {
    uint32_t index = 0;
    net::Address address;
    RaySource::Key rayKey{};
    const base::Clock& clock;
    std::vector<observe::Sink*> sinks;                          // borrowed; outlive the loop
    std::vector<std::shared_ptr<sandbox::EngineLink>> engines;  // one per slot
    std::shared_ptr<const Routes> routes;
    std::shared_ptr<const OutboundPolicy> outbound;  // never null
    std::string errorDocsUrl;                        // error_page.h, ErrorContext::errorDocsUrl
    // Effects that are of no invocation: of a version or the engine. Called on this loop's thread.
    std::function<void(const std::shared_ptr<sandbox::EngineLink>&, const wire::Effect&)> onEngineEffect;
    http::HttpLimits http;                             // of clients and of origins
    std::shared_ptr<const net::TlsClientContext> tls;  // of subrequests, the same for every loop
    sandbox::PlacementLimits placement;
    // Loads a version whose content is not in memory; `versionsLoaded` is called afterwards.
    std::function<void(const std::shared_ptr<const sandbox::RunnableVersion>&)> load;
    std::shared_ptr<AssetCache> assets = nullptr;  // null: no version has any
    // The version of a script, deployed or not, whose id begins with these eight digits; null: too many are asked for.
    std::function<std::shared_ptr<const sandbox::RunnableVersion>(std::string_view account, std::string_view script,
                                                                  uint32_t digits)>
        preview = nullptr;
    std::shared_ptr<RateCounters> rates = nullptr;  // the same for every loop; null: its own
  };

  // Listens at once; `run` serves.
  static base::Result<std::unique_ptr<EdgeLoop>> open(Options options);
  ~EdgeLoop();

  void run() { loop_.run(); }
  const net::Address& address() const { return server_->address(); }

  // Any thread. New invocations of the slot go to this engine, null: to those of other slots. What runs on the engine
  // before goes on there.
  void useEngine(uint32_t slot, std::shared_ptr<sandbox::EngineLink> link);
  // Any thread. The engine has ended: its invocations end with internalError.
  void loseEngine(std::shared_ptr<sandbox::EngineLink> link);
  // Any thread. Requests go by these from now on.
  void setRoutes(std::shared_ptr<const Routes> routes);
  // Any thread. Versions were loaded, or could not be (RunnableVersion::refusal): requests that wait for them go on.
  void versionsLoaded();
  // Any thread. `then` runs on this loop's thread once what was set before is in force.
  void afterChanges(std::function<void()> then);
  // Any thread. What this loop runs by the clock; null: nothing.
  void setSchedules(std::shared_ptr<const std::vector<Schedule>> schedules);
  // Any thread, of the loop that has the schedules. Fires a script's cron trigger now; an empty `cron` is the only one
  // that it has. `onEnd` is told, on this loop's thread, how it ended, or why it did not begin.
  struct Fired {
    std::string problem;  // empty: it ran
    std::string cron;
    wire::Outcome outcome = wire::Outcome::kUnknown;
  };
  void fireCron(std::string account, std::string script, std::string cron, std::function<void(Fired)> onEnd);
  // Stops accepting, finishes what runs, waitUntil() included, for at most `bound`, then ends `run` and says so on its
  // thread. What is left at the bound is cancelled and has its trace.
  void drain(std::chrono::milliseconds bound, std::function<void()> onEnd);
  // Any thread. Ends `run` at once.
  void stop() { loop_.stop(); }

 private:
  static constexpr size_t kCallBytesMax = 512u << 20;
  friend class Invocation;

  explicit EdgeLoop(Options options);
  void onRequest(http::Exchange& exchange) override;
  void describeRefusal(const http::Refusal& refusal, const http::RequestHead& head, const net::Address& client,
                       http::HeaderList& headers, std::string& body) override;
  void onConnectionOpened() override;
  void onConnectionClosed(uint64_t requests) override;
  void onAnswered(const http::Answered& answered) override;
  void onBatchEnd() override;
  bool beforeSleep() override;
  void afterWake() override;

  void addSeat(uint32_t slot, std::shared_ptr<sandbox::EngineLink> link);
  bool drainEngine(EngineSeat& seat);
  void onEffect(EngineSeat& seat, wire::Bytes bytes);
  void onChunk(EngineSeat& seat, const wire::BodyChunk& chunk);
  void loseSeat(sandbox::EngineLink& link);
  Invocation* find(wire::InvocationId id, const EngineSeat& seat);
  // The version handles a cron trigger. `onEnd`, which may be empty, is told how it ended.
  void runScheduled(std::shared_ptr<const sandbox::RunnableVersion> version, std::string_view cron, double scheduledMs,
                    std::function<void(wire::Outcome)> onEnd);
  // A slot with a new invocation in it, or null: there are too many.
  Invocation* begin(std::shared_ptr<const sandbox::RunnableVersion> version);
  void serveInner(InnerExchange& exchange, std::shared_ptr<const sandbox::RunnableVersion> version,
                  const InheritedCall& inherited);
  // A script's request to the assets of its own version.
  void serveOwnAssets(InnerExchange& exchange, const sandbox::RunnableVersion& version);
  // A script's request that comes in by the front door, or past the routes of its host.
  void serveInside(InnerExchange& exchange, bool pastRoutes);
  void dispatch(http::Exchange& exchange, InnerExchange* inner, const catalog::Match& match, const Ray& ray);
  // The same behind static assets. `routes` is what `match` is of; `body` as for Invocation::start.
  void dispatchToWorker(const Routes& routes, http::Exchange& exchange, InnerExchange* inner,
                        const catalog::Match& match, const Ray& ray, BodyMoment body);
  void release(Invocation& invocation);
  void sweep();
  void cutDrain();
  void endDrainIfEmpty();
  // In the form that the client of `head` asks for. `retryAfterSeconds` 0: the code's own.
  ErrorPage pageFor(const http::RequestHead& head, std::string_view clientIp, uint16_t code, const Ray& ray,
                    uint32_t retryAfterSeconds) const;
  void respondWithPage(http::Exchange& exchange, uint16_t code, const Ray& ray, uint32_t retryAfterSeconds);
  void respondWithPage(http::Exchange& exchange, uint16_t code, const Ray& ray) override {
    respondWithPage(exchange, code, ray, 0);
  }
  void proxy(http::Exchange& exchange, InnerExchange* inner, const catalog::RoutedZone& zone, const Ray& ray,
             BodyMoment body);
  // What stands behind every script on a host; null: nothing does.
  std::shared_ptr<const catalog::RoutedZone> behindScripts(std::string_view authority) const;
  // The script of a custom domain, when the host of `authority` is one and another script's than this version's.
  std::optional<catalog::Match> scriptBehind(std::string_view authority, const sandbox::RunnableVersion& version) const;
  // It answers in the place of a script in front of it. `body`: the whole one; nullopt: none of it has been read.
  void serveBehind(http::Exchange& exchange, InnerExchange* inner, const catalog::Match& match, uint8_t invocationsLeft,
                   std::optional<std::span<const std::byte>> body);
  void onProxyOver(OriginProxy& proxy) override;
  // The zone by which a version answered on a host, as CF-Worker names it.
  std::string zoneOf(std::string_view authority, const sandbox::RunnableVersion& version) const;
  std::string workersZoneOf(const sandbox::RunnableVersion& version) const;
  std::shared_ptr<const sandbox::RunnableVersion> findPreview(const Routes& routes, const catalog::Match& match) const;
  // The engine for a new invocation of the version, or {null, …} when there is none just now. `rank`: of the version's
  // placement; kNoRank where that has no part in it.
  static constexpr uint32_t kNoRank = ~uint32_t{0};
  struct Seating {
    EngineSeat* seat;
    uint32_t rank;
  };
  Seating seatFor(const sandbox::RunnableVersion& version) const;
  static Seating noSeat() { return {nullptr, kNoRank}; }
  // Keeps a request whose version is not loaded, or has no engine, until it can run, for a while. False: too many are
  // kept already.
  bool hold(Invocation& invocation, size_t bytes);
  void seatHeld();
  void expireHeld();

  Options options_;
  net::Loop loop_;
  SocketHome sockets_{loop_};
  RaySource rays_;
  net::Resolver resolver_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<AssetServer> assets_;             // null: no version has any
  std::vector<std::unique_ptr<EngineSeat>> seats_;  // every engine that may still speak
  std::vector<EngineSeat*> slotSeats_;              // by slot: where new invocations go; null: none
  std::unordered_map<OriginProxy*, std::unique_ptr<OriginProxy>> proxies_;
  std::vector<std::unique_ptr<Invocation>> slots_;
  std::vector<uint32_t> free_;
  std::vector<uint8_t> record_;  // a private copy of the effect being handled
  net::Timer drainTimer_;
  std::function<void()> onDrained_;  // set while draining
  bool serverEmpty_ = false;
  bool drainCut_ = false;
  base::ByteBudget callBytes_{kCallBytesMax};  // of bodies that scripts' calls to each other keep
  CronClock crons_;
  net::Timer sweepTimer_;  // armed while something is in flight
  struct Held {
    wire::InvocationId invocation;
    size_t bytes;
    base::Instant until;
  };
  std::deque<Held> held_;  // in order of time
  size_t heldBytes_ = 0;
  net::Timer holdTimer_;
  uint16_t pageCode_ = 0;  // of the page that is being sent
  uint32_t generation_ = 1;
  uint32_t inFlight_ = 0;
};

}  // namespace weir::edge
