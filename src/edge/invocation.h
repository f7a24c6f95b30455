// Invocation: one client request while a script handles it: the exchange on one side, an engine on the other, and the
// subrequests between.
//
// Threads: its loop's. It lives in a slot of the loop until both the engine is done and the client has its response.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/edge_loop.h"
#include "edge/sockets.h"
#include "edge/subrequests.h"

namespace weir::edge {

class Invocation final : private http::ExchangeEvents,
                         private BodySource,
                         private BodySink,
                         private ServiceCaller,
                         private SocketTaker,
                         private SocketPumpOwner,
                         private OriginProxyOwner {
 public:
  Invocation(EdgeLoop& loop, wire::InvocationId id, std::shared_ptr<const sandbox::RunnableVersion> version);
  ~Invocation();

  wire::InvocationId id() const { return id_; }
  bool isOn(const EngineSeat* seat) const { return seat_ == seat; }
  bool isHeld() const { return !held_.empty(); }

  // Hands the request to the engine; on failure the client has its page and the invocation is over. `invocationsLeft`
  // in its chain, this one included (loop_counter.h).
  // `body`: the whole one, where it was another's until now.
  void start(http::Exchange& exchange, const Ray& ray, uint8_t invocationsLeft, BodyMoment moment,
             std::optional<std::span<const std::byte>> body = {});

  // The same, for a script as client that came by the front door.
  void startInside(InnerExchange& exchange, const Ray& ray, uint8_t invocationsLeft, BodyMoment body);
  // The same, in the place of another script in front of it. `inner`: the exchange, when the client is a script.
  void startBehind(http::Exchange& exchange, InnerExchange* inner, const Ray& ray, uint8_t invocationsLeft,
                   std::optional<std::span<const std::byte>> body);
  // The same, by a service binding: what goes wrong is told to the caller instead of shown as a page.
  void startService(InnerExchange& exchange, const Ray& ray, InheritedCall inherited, BodyMoment body);

  // A cron trigger. `onEnd`, which may be empty, is told how it ended.
  void startScheduled(const Ray& ray, std::string_view cron, double scheduledMs,
                      std::function<void(wire::Outcome)> onEnd);

  // It was held: hands it to an engine, if there is one now and the version is loaded; on failure as `start`.
  bool resume();

  // Whether its engine, which has read its events up to `readUpTo`, has heard of it.
  bool hasBegun(uint64_t readUpTo) const { return !waiting_ || sentFrom_ < readUpTo; }
  // Its engine has ended without having heard of it. True: it has been held for another; false: nothing has changed.
  bool startElsewhere();

  // The engine has said something of it.
  void hear() {
    if (!waiting_) return;
    waiting_ = false;
    if (rank_ != EdgeLoop::kNoRank)
      version_->placement(loop_.options_.index).answered(rank_, sentAt_, loop_.loop_.now());
  }

  // Effects. False: the engine broke the protocol.
  bool on(const wire::Respond& effect);
  bool on(const wire::Forward& effect);
  bool on(const wire::Fail& effect);
  bool on(const wire::Subrequest& effect);
  bool on(const wire::CancelSubrequest& effect);
  bool on(const wire::CountRate& effect);
  bool on(const wire::LogLine& effect);
  bool on(const wire::ExceptionThrown& effect);
  bool on(const wire::Done& effect);
  bool on(const wire::BodyChunk& effect);
  bool on(const wire::BodyEnd& effect);
  bool on(const wire::BodyAbort& effect);
  bool on(const wire::BodyCredit& effect);
  bool on(const wire::BodyCancel& effect);
  bool on(const wire::SocketPiece& effect);
  bool on(const wire::SocketClose& effect);
  bool on(const wire::SocketCredit& effect);

  // The loop ends: drops its subrequests, so that whoever answers one hears of it while both are there.
  void letGo() {
    if (subrequests_) subrequests_->keepOnly(nullptr);
  }

  // Tells the engine to end what is left when the time for it after the response is over. Called by the loop's sweep.
  void expireIfDue(base::Instant now);
  // Tells the engine to end it now.
  void expire() {
    expired_ = true;
    voice_.say(wire::ExpireInvocation{id_, false});
  }
  // The engine died. False: it was over already, but for its response.
  bool lose(wire::Outcome outcome);

 private:
  // Who makes the response body, once there is a response.
  enum class Response {
    kNone,
    kEngine,  // pieces of stream 0
    kBody,    // another body, past the engine
    kOver,    // whole, or cut
  };
  struct Scheduled {
    std::string cron;
    double scheduledMs;
    std::function<void(wire::Outcome)> onEnd;
  };
  struct Log {
    double timestampMs;
    wire::LogLevel level;
    std::string message;
  };
  struct Thrown {
    double timestampMs;
    std::string name, message, stack;
  };

  bool forwardToScript(const wire::Forward& effect);
  void onBody(std::span<const std::byte> bytes) override;
  void onBodyEnd() override;
  void onBodyRefused(const http::Refusal& refusal) override;
  void onDrained() override;
  void onGone() override;

  // BodySource, of the client's body
  void readBody(uint64_t bytes) override;
  void stopBody() override {}  // what is left is skipped when the response has gone out
  // BodySink, of the response
  bool takeBody(std::span<const std::byte> bytes) override;
  void endBody() override;
  void breakBody(std::string_view reason) override;
  size_t bodyPending() const override { return exchange_ != nullptr ? exchange_->pendingBytes() : 0; }

  // SocketTaker
  std::string makeSocketKey() override;
  void onSocket(uint32_t number, const std::optional<http::websocket::DeflateParameters>& deflate,
                std::unique_ptr<net::Stream> stream, std::string received) override;
  void onSocket(uint32_t number, std::unique_ptr<http::websocket::Channel> channel) override;
  // SocketPumpOwner
  void onSocketChanged() override;
  // OriginProxyOwner
  void respondWithPage(http::Exchange& exchange, uint16_t code, const Ray& ray) override;
  void onProxyOver(OriginProxy& proxy) override;

  bool startResponse(const wire::Respond& effect, const http::HeaderList& headers);
  bool respondWithSocket(const wire::Respond& effect);
  Sockets& sockets();
  // The socket an effect names. `known` is false when there cannot be one of that number.
  SocketPump* socketOf(wire::StreamId socket, bool& known);
  std::string_view authority() const;  // of the request's URL
  bool forwarding() const { return proxy_ && !proxy_->over(); }
  // The exchange is over: whoever still reads the request's body is told so.
  void endRequestBody(std::string_view why);
  void refuseResponse();
  void giveResponseCredit(bool all);
  void finishResponse();
  void cutResponse();
  template <class Event>
  void handOver(const Event& event);
  void describe(wire::StartFetch& event) const;
  void describe(wire::StartScheduled& event) const;
  void seatOn(EdgeLoop::Seating seating);
  void leaveSeat();
  ServiceCall callService(uint32_t service, http::ClientRequest request, InnerCallEvents& events) override;
  HostWay wayTo(const http::Url& url) override;
  std::unique_ptr<http::ClientCall> callHost(const HostWay& way, http::ClientRequest request,
                                             InnerCallEvents& events) override;
  void tellFailure(http::Exchange& exchange);
  void keep(Thrown thrown);
  Subrequests& subrequests();
  std::string zone() const;
  // The inbound body an effect names. `known` is false when there never was one of that number.
  InboundBody* bodyOf(wire::StreamId stream, bool& known);
  void refuse(const sandbox::StartRefusal& refusal);
  void settle(wire::Outcome outcome, uint64_t cpuUs);
  void conclude();
  void release();

  EdgeLoop& loop_;
  const wire::InvocationId id_;
  EngineSeat* seat_ = nullptr;  // the engine it runs on, which outlives it or loses it; null: not yet, or no more
  uint32_t rank_ = 0;           // of that engine in the version's placement
  bool waiting_ = false;        // the engine has not said anything of it
  base::Instant sentAt_{};
  uint64_t sentFrom_ = 0;      // where in the event ring, or before
  bool repeatable_ = true;     // the event that starts it can be made again
  std::vector<uint8_t> held_;  // the event that starts it, while there is no engine
  const std::shared_ptr<const sandbox::RunnableVersion> version_;
  http::Exchange* exchange_ = nullptr;  // null once it is dead
  InnerExchange* inner_ = nullptr;  // the same, when the client is a script; of use only while exchange_ is not null
  bool isBehind_ = false;           // it follows another on the same request
  bool isService_ = false;          // the client is a script by its service binding
  std::string entrypoint_, props_;
  uint32_t rateCalls_ = 0;
  net::Address client_;
  uint8_t invocationsLeft_ = kInvocationsMax;
  std::shared_ptr<CallChain> chain_;      // made with the first subrequest, unless it is inherited
  std::unique_ptr<Scheduled> scheduled_;  // null: a request
  Ray ray_{};
  std::string method_, url_, head_;
  double startedMs_ = 0;
  base::Instant started_{};
  base::Instant responseOver_ = base::Instant::max();  // when a sweep first saw no client while the engine worked
  bool expired_ = false;
  uint16_t status_ = 0;
  uint16_t errorCode_ = 0;
  uint64_t responseBytes_ = 0;
  Response response_ = Response::kNone;
  bool responded_ = false;
  bool engineStreams_ = false;  // the engine has begun stream 0 and not ended it
  bool responseRefused_ = false;
  bool failedOpen_ = false;
  bool clientGone_ = false;
  bool done_ = false;
  bool concluded_ = false;
  bool released_ = false;
  bool engineSocket_ = false;                        // the engine has answered with a WebSocket of its own
  wire::Outcome outcome_ = wire::Outcome::kUnknown;  // from here on once done_
  uint64_t cpuUs_ = 0;
  SendWindow window_;                    // of the engine, for stream 0
  InboundBody* responseBody_ = nullptr;  // for Response::kBody
  EngineVoice voice_;
  std::optional<InboundBody> clientBody_;  // when it did not come whole
  size_t logBytes_ = 0;
  bool truncated_ = false;
  std::vector<Log> logs_;
  std::vector<Thrown> exceptions_;
  std::optional<Thrown> failure_;       // the last exception, for a script that called this one and has no response
  std::unique_ptr<OriginProxy> proxy_;  // once the request was sent on
  std::unique_ptr<Sockets> sockets_;    // made with the first
  Asker asker_;                         // made with the first subrequest, but for the zone of a service
  std::unique_ptr<Subrequests> subrequests_;  // likewise
};

}  // namespace weir::edge
