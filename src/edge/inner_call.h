// InnerCall: a request that is answered inside this process, without a socket between: a service binding, or a fetch()
// that comes back to this platform. Whoever asks holds it as a ClientCall; whoever answers borrows it as an Exchange.
//
// Story: start() returns at once → at the end of the iteration the answerer gets the exchange → request body flows to
// it as it grants, response head and body flow back as the caller grants → onEnd, onError or onException, once.
// Dropping the call tells the answerer that its client is gone.
//
// Both bodies wait in buffers that hold at most kBufferBytesMax, and no more than the budgets of the asking script and
// the loop have left; beyond that `write` refuses, as the HTTP client and server do.
//
// Threads: one loop's; both ends live on it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/byte_budget.h"
#include "http/client.h"
#include "http/server.h"
#include "http/websocket/channel.h"
#include "net/drop_flag.h"
#include "net/loop.h"

namespace weir::edge {

// An exchange whose client is a script: what went wrong is told to it instead of being shown as a page.
// What `shed` says of one loop.
inline constexpr std::string_view kNoRoom = "Too many requests are in progress.";

class InnerExchange : public http::Exchange {
 public:
  // Instead of a response: the answering script failed. The exchange is dead afterwards. Only before a response
  // started.
  virtual void fail(std::string_view name, std::string_view message) = 0;
  // The same, where the platform had no room for the request.
  virtual void shed(std::string_view message) = 0;
  // Answers 101 and gives one end of a WebSocket; the caller gets the other. The exchange is dead afterwards.
  virtual std::unique_ptr<http::websocket::Channel> upgradeInner(const http::HeaderList& headers) = 0;

 protected:
  ~InnerExchange() = default;
};

class InnerCallEvents : public http::CallEvents {
 public:
  // Last event: the answering script ended with an exception and without a response.
  virtual void onException(std::string_view name, std::string_view message) = 0;
  // Last event, behind a head with status 101: the caller's end of the WebSocket.
  virtual void onChannel(std::unique_ptr<http::websocket::Channel> channel) {}

 protected:
  ~InnerCallEvents() = default;
};

class InnerCall final : public http::ClientCall {
 public:
  static constexpr size_t kBufferBytesMax = 1024 * 1024;
  static constexpr size_t kLowWaterBytes = 64 * 1024;

  // Gets the exchange; as http::RequestHandler::onRequest, it must answer or set events before it returns.
  using Answerer = std::function<void(InnerExchange& exchange)>;

  // `request.headers` reach the answerer as they are, with Content-Length where the length is known. `client` is the
  // address the answerer is told. `events` is borrowed until the call ends or is dropped; nothing is called from
  // within. What it keeps counts against `own`, of the script that asks, and `shared`; borrowed, they outlive the call.
  struct Budgets {
    base::ByteBudget& own;
    base::ByteBudget& shared;
  };
  static std::unique_ptr<InnerCall> start(net::Loop& loop, http::ClientRequest request, const net::Address& client,
                                          Budgets budgets, InnerCallEvents& events, Answerer answerer);
  ~InnerCall() override;

  void readMore(uint64_t bytes) override;
  bool write(std::span<const std::byte> bytes) override;
  void finish() override;
  size_t pendingBytes() const override { return request_.waiting(); }

 private:
  // One body on its way through.
  struct Flow {
    std::string bytes;
    size_t at = 0;  // taken prefix
    uint64_t granted = 0;
    bool finished = false;
    bool endTold = false;
    bool aboveLowWater = false;
    std::optional<uint64_t> declared;
    uint64_t written = 0;

    size_t waiting() const { return bytes.size() - at; }
    // False: over a bound, or more than was declared; nothing taken.
    bool add(std::string_view more, base::HeldBytes& held);
    // What may be delivered now; `took` after it was.
    std::string_view deliverable() const;
    void took(size_t size, base::HeldBytes& held);
    // True, once, when the low-water mark was passed on the way down.
    bool drained();
  };
  class Answer;

  InnerCall(net::Loop& loop, http::ClientRequest request, const net::Address& client, Budgets budgets,
            InnerCallEvents& events, Answerer answerer);
  void pump();
  bool deliverRequest();
  bool deliverResponse();

  InnerCallEvents& events_;
  base::HeldBytes held_;
  Answerer answerer_;
  std::unique_ptr<Answer> answer_;
  Flow request_;
  Flow response_;
  bool completeBody_;  // the request's body, if any, is all in request_
  bool served_ = false;
  http::ResponseHead head_;
  bool headReady_ = false;
  bool headTold_ = false;
  bool over_ = false;  // the caller was told the end
  std::optional<http::ClientError> error_;
  struct Exception {
    std::string name, message;
  };
  std::optional<Exception> exception_;
  std::unique_ptr<http::websocket::Channel> channel_;  // of the caller, after a 101
  net::Loop& loop_;
  net::DropFlag dropFlag_;
  net::DeferredTask pump_;
};

}  // namespace weir::edge
