// Subrequests: all outbound requests of one invocation: their numbers, their turns and their limits.
//
// Threads: its loop's.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "edge/call_chain.h"
#include "edge/subrequest.h"

namespace weir::edge {

struct SubrequestLimits {
  uint32_t connectionsMax = 256;       // then the oldest whose body nobody touched gives its own back
  uint32_t rememberedMax = 65'536;     // begun and not over: more are refused
  size_t waitingBytesMax = 32u << 20;  // held by those that wait their turn
};

class Subrequests final : private SubrequestOwner, private CallChain::Waiter {
 public:
  // All borrowed but the limits; they outlive this. `chain` counts the requests, and says whose turn it is.
  Subrequests(http::Client& client, const base::Clock& clock, SocketTaker& sockets, EngineVoice& voice,
              ServiceCaller& services, const OutboundPolicy& outbound, const Asker& asker, CallChain& chain,
              const SubrequestLimits& limits)
      : context_{client, clock, *this, sockets, voice, outbound, asker},
        services_(services),
        chain_(chain),
        limits_(limits) {}
  ~Subrequests();

  Subrequests(const Subrequests&) = delete;
  Subrequests& operator=(const Subrequests&) = delete;

  // A new one. `clientBody` is the client's, null when it came whole. False: not what the protocol allows.
  [[nodiscard]] bool start(const wire::Subrequest& effect, InboundBody* clientBody);
  void cancel(uint32_t number);

  // Null: there is none of that number now.
  Subrequest* find(uint32_t number);
  // The response body of subrequest `number`; null: it has none, or its head was not told.
  InboundBody* body(uint32_t number);
  // Whether there ever was one of that number: the engine may still speak of one that is forgotten here.
  bool wasStarted(uint32_t number) const { return number > 0 && number <= last_; }

  // Drops all but those whose bytes end up in `body`, directly or as another's request body; null: all.
  void keepOnly(const InboundBody* body);

 private:
  bool countRequest() override { return chain_.countRequest(); }
  ServiceCall callService(uint32_t service, http::ClientRequest request, InnerCallEvents& events) override {
    return services_.callService(service, std::move(request), events);
  }
  HostWay wayTo(const http::Url& url) override { return services_.wayTo(url); }
  std::unique_ptr<http::ClientCall> callHost(const HostWay& way, http::ClientRequest request,
                                             InnerCallEvents& events) override {
    return services_.callHost(way, std::move(request), events);
  }
  void onHeadSettled() override { chain_.givePlace(); }
  void onPlace() override { beginWaiting(); }
  void beginWaiting();
  // False: there is no connection for it.
  bool begin(Subrequest& subrequest);
  bool makeRoom();
  void sweep();
  void refuse(uint32_t number, std::string_view message);

  const Subrequest::Context context_;
  ServiceCaller& services_;
  CallChain& chain_;
  const SubrequestLimits limits_;
  std::map<uint32_t, std::unique_ptr<Subrequest>> all_;
  std::deque<uint32_t> waiting_;
  size_t waitingBytes_ = 0;
  uint32_t last_ = 0;
  bool beginning_ = false;
  size_t sweepAt_ = 16;
};

}  // namespace weir::edge
