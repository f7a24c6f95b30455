// An HTTP/1.1 server on a loop: connections in, exchanges out.
//
// One request after the other on a connection: bytes arrive → head decoded and checked (a refusal is answered here and
// the connection closed) → `RequestHandler::onRequest` → the handler reads the body as far as it grants, and responds →
// what is left of the body is skipped → the next request, which may have arrived already.
//
// Threads: everything here belongs to the loop's thread.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "http/limits.h"
#include "http/message.h"
#include "net/listener.h"
#include "net/stream.h"

namespace weir::http {

// What happens to an open exchange. Never called from within a call to the exchange.
class ExchangeEvents {
 public:
  // Content of the request body, at most as much as was granted. The view dies with the call.
  virtual void onBody(std::span<const std::byte> bytes) {}
  virtual void onBodyEnd() {}
  // The body cannot be had: 413 too large, 400 malformed, 408 stalled. No more of it comes; the exchange is open and
  // wants its response, after which the connection is closed.
  virtual void onBodyRefused(const Refusal& refusal) {}
  // `pendingBytes()` has come down to HttpLimits::lowWaterBytes after having been above it.
  virtual void onDrained() {}
  // The client is gone, or the server is being closed. The exchange is dead: touch it no more.
  //
  // "Gone" is: reset, write failure, no progress for writeStallTimeout, or the end of the client's sending once its
  // request was handed over and nothing of it is unread (docs/decisions/0002).
  virtual void onGone() = 0;

 protected:
  ~ExchangeEvents() = default;
};

enum class WriteOutcome {
  kTaken,    // sent, kept for later, or dropped because a HEAD, 204 or 304 has no body
  kTooMuch,  // nothing taken: more than pendingBytesMax waits already; go on after `onDrained`
  kAborted,  // more than the declared length: the exchange was aborted and is dead
};

// A connection handed over to another protocol.
struct Upgraded {
  std::unique_ptr<net::Stream> stream;
  std::string received;  // bytes of the new protocol that came with the request
};

// One request and its response. Owned by its connection, borrowed by the handler from `onRequest` until the exchange is
// dead: after `respond`, `finish`, `abort`, `upgrade`, a write or finish that aborted, or `onGone`. Nothing is called
// back after that, and the object is reused for the next request.
class Exchange {
 public:
  // Valid as long as the exchange.
  virtual const RequestHead& head() const = 0;
  virtual const net::Address& remoteAddress() const = 0;
  // Its IP as text, without a port. Made once per connection; lives as long as that.
  virtual std::string_view remoteIp() const = 0;
  virtual bool isTls() const = 0;

  // Who hears of the rest; borrowed. Must be set before `onRequest` returns, unless the exchange is dead by then.
  virtual void setEvents(ExchangeEvents& events) = 0;

  // The whole body, when there is none or all of it came with the head; then no body event follows. Only within
  // `onRequest`; the view dies with it. Nullopt: the body has to be asked for with `readMore`.
  virtual std::optional<std::span<const std::byte>> takeCompleteBody() = 0;
  // Another bound for this request's body, before any of it was asked for.
  virtual void setBodyBytesMax(uint64_t bytesMax) = 0;
  // Grants `bytes` more of the body to `onBody`. Without a grant the connection is not read, and the client has to
  // wait. The first grant sends "100 Continue" to a client that expects it. Never calls back from within.
  virtual void readMore(uint64_t bytes) = 0;

  // The whole response in one send. Date and Connection are added; hop-by-hop and Content-Length fields are the
  // server's. False, and nothing happened: status below 200, or a header that cannot be sent.
  [[nodiscard]] virtual bool respond(uint16_t status, const HeaderList& headers, std::string_view body) = 0;

  // A response in pieces: start, any number of writes, finish. Without `contentLength` it is chunked, or ends with the
  // connection for HTTP/1.0. Small pieces of one loop iteration leave together. False as for `respond`.
  [[nodiscard]] virtual bool startResponse(uint16_t status, const HeaderList& headers,
                                           std::optional<uint64_t> contentLength) = 0;
  virtual WriteOutcome write(std::span<const std::byte> bytes) = 0;
  // False when less than the declared length was written: the exchange was aborted, the client sees a cut connection.
  virtual bool finish() = 0;
  // Cuts the connection, so that the client can tell that the response is not whole.
  virtual void abort() = 0;
  virtual bool responseStarted() const = 0;

  // Response bytes that the kernel has not taken.
  virtual size_t pendingBytes() const = 0;

  // Answers 101 and hands the connection over; `handler` is its new handler, and turns reading on. Nullopt, and nothing
  // happened, when the request did not ask for an upgrade, a header cannot be sent, or the body was not read to its
  // end.
  virtual std::optional<Upgraded> upgrade(std::string_view protocol, const HeaderList& headers,
                                          net::StreamHandler& handler) = 0;

 protected:
  ~Exchange() = default;
};

// One request's end.
struct Answered {
  const RequestHead& head;  // of a refused request: as far as it was understood
  const net::Address& remoteAddress;
  uint16_t status = 0;              // 0: there was none
  uint64_t requestBytes = 0;        // of the body, as far as it was taken
  uint64_t responseBytes = 0;       // of the body
  std::chrono::nanoseconds wall{};  // head complete to response complete, or cut
};

class RequestHandler {
 public:
  virtual void onRequest(Exchange& exchange) = 0;

  // A request was refused before there was an exchange: the page that says so. `head`: as far as it was understood.
  // Default: one line of text.
  virtual void describeRefusal(const Refusal& refusal, const RequestHead& head, const net::Address& client,
                               HeaderList& headers, std::string& body);

  // For whoever counts; none may touch the server. A connection that is handed over (`upgrade`) closes for the server
  // then.
  virtual void onConnectionOpened() {}
  virtual void onConnectionClosed(uint64_t requests) {}
  // A request has its answer, or never will. Within the call that ended the response, if one did.
  virtual void onAnswered(const Answered& answered) {}

 protected:
  ~RequestHandler() = default;
};

class ServerConnection;

class Server final : private net::AcceptHandler {
 public:
  struct Options {
    net::Address address;
    HttpLimits limits;
    net::ListenerLimits listener;
    const net::TlsServerContext* tls = nullptr;  // borrowed; null: plain HTTP
  };

  // Listens at once. `loop` and `handler` are borrowed and outlive the server. The error says why it cannot listen.
  static base::Result<std::unique_ptr<Server>> open(net::Loop& loop, const Options& options, RequestHandler& handler);
  // Open exchanges hear onGone.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // With the real port.
  const net::Address& address() const { return address_; }
  size_t connectionCount() const { return idle_.size() + active_.size(); }

  // Stops accepting, serves what clients have sent, closes idle connections, lets open exchanges finish with
  // "Connection: close", and calls `onEmpty` once when no connection is left: at the latest after `bound`, when what is
  // left is cut.
  void drain(std::chrono::milliseconds bound, std::function<void()> onEmpty);

 private:
  friend class ServerConnection;

  Server(net::Loop& loop, const Options& options, RequestHandler& handler);
  void onAccept(net::Fd socket, const net::Address& peer) override;
  void forget(ServerConnection& connection);
  void flushCorked();
  void closeAll();
  std::string_view date();

  net::Loop& loop_;
  RequestHandler& handler_;
  HttpLimits limits_;
  const net::TlsServerContext* tls_;
  net::Address address_;
  std::unique_ptr<net::Listener> listener_;
  std::list<ServerConnection*> idle_;    // owned; longest idle first
  std::list<ServerConnection*> active_;  // owned; with a request begun
  std::vector<std::byte> readBuffer_;    // shared by all connections; used within one callback
  std::string out_;                      // likewise
  std::vector<ServerConnection*> corked_;
  net::DeferredTask flush_;
  std::string date_;
  base::Instant dateUntil_{};
  bool draining_ = false;
  std::function<void()> onEmpty_;
  net::Timer drainTimer_;
};

}  // namespace weir::http
