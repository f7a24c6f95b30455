// An HTTP/1.1 client on a loop, with a connection pool per origin.
//
// One call: pooled connection, else resolve → address policy → connect → TLS → send head and body → response head →
// body as granted → back into the pool if the connection is clean.
//
// Threads: everything here belongs to the loop's thread.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/limits.h"
#include "http/message.h"
#include "net/resolver.h"
#include "net/stream.h"

namespace weir::http {

// Says which addresses may be connected to. Asked with every resolved address right before connecting, so a name that
// resolves anew cannot get around it.
class AddressPolicy {
 public:
  // 0: it may. Otherwise a reason of the policy's own, which ClientError::refusal repeats.
  virtual uint16_t refuses(const net::Address& address, std::string_view host) const = 0;

 protected:
  ~AddressPolicy() = default;
};

enum class ClientErrorKind {
  kBadRequest,  // the request cannot be sent: a header, the target or the host is malformed
  kDns,
  kRefused,  // by the address policy
  kConnect,
  kConnectTimeout,  // TCP and TLS together
  kUnreachable,     // there is no way to the address
  kTls,
  kCertificate,      // the server's is not one to trust
  kResponseTimeout,  // the request was sent and no head came
  kStalled,          // a body, either way, that made no progress
  kLost,             // the connection ended or was reset before the response was whole
  kProtocol,         // the response is malformed or over a limit
  kOverloaded,       // upstreamConnectionsMax is reached
};

struct ClientError {
  ClientErrorKind kind;
  std::string message;
  uint16_t refusal = 0;  // of kRefused: the policy's reason
};

// Events of one call; never from within a call to the client. `onEnd`, `onError` and `onUpgraded` are each the last.
// The call may be dropped from within any of them.
class CallEvents {
 public:
  // The head dies with the call object. For 101 `onUpgraded` follows.
  virtual void onHead(const ResponseHead& head) = 0;
  // At most as much as was granted. The view dies with the call.
  virtual void onBody(std::span<const std::byte> bytes) = 0;
  virtual void onEnd() = 0;
  virtual void onError(const ClientError& error) = 0;
  // Request body bytes that waited have come down to HttpLimits::lowWaterBytes or less.
  virtual void onDrained() {}
  // 101: the connection is the caller's, with what came behind the head. Set the stream's handler at once and turn
  // reading on. Without an override the connection is dropped.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): those who override it keep what they are given
  virtual void onUpgraded(std::unique_ptr<net::Stream> /*stream*/, std::string /*received*/) {}

 protected:
  ~CallEvents() = default;
};

enum class RequestBody {
  kNone,
  kComplete,  // `ClientRequest::body`
  kStreamed,  // `ClientCall::write` and `finish`
};

struct ClientRequest {
  std::string method;
  bool https = false;
  std::string host;   // name or IP literal; IPv6 without brackets
  uint16_t port = 0;  // 0: the scheme's
  std::string target = "/";
  HeaderList headers;  // hop-by-hop and Content-Length fields are left out; Host is used when there
  RequestBody bodyKind = RequestBody::kNone;
  std::string body;                       // for kComplete
  std::optional<uint64_t> contentLength;  // for kStreamed; without it the body is chunked
  std::string upgrade;                    // value of Upgrade to ask for, or empty
  // Borrowed; outlives the client. Null allows every address. Connections are shared only between requests with the
  // same policy object.
  const AddressPolicy* policy = nullptr;
};

// One request in flight. Dropping it cancels: the connection is closed unless the response was whole.
class ClientCall {
 public:
  virtual ~ClientCall() = default;

  // Grants `bytes` more of the response body. Without a grant the connection is not read. The end of a body needs none.
  virtual void readMore(uint64_t bytes) = 0;

  // For streamed request bodies. False: nothing taken, more than pendingBytesMax waits, or more than the declared
  // length. Bytes written before the connection is up are kept.
  [[nodiscard]] virtual bool write(std::span<const std::byte> bytes) = 0;
  // The request body is whole. Less than declared fails the call.
  virtual void finish() = 0;
  virtual size_t pendingBytes() const = 0;
};

class ClientConnection;
class ClientCallImpl;

class Client {
 public:
  // All borrowed; they outlive the client. Without `tls` https fails with kTls.
  Client(net::Loop& loop, net::Resolver& resolver, const net::TlsClientContext* tls, const HttpLimits& limits);
  // Every call must have been dropped.
  ~Client();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Never null, never calls back from within. `events` is borrowed until the call ends or is dropped.
  //
  // A request that fails on a pooled connection before any response byte is sent once more on a new one, if its method
  // is idempotent and its body is at hand; another method only if none of it can have been sent.
  [[nodiscard]] std::unique_ptr<ClientCall> start(ClientRequest request, CallEvents& events);

  size_t idleCount() const { return idle_.size(); }
  size_t connectionCount() const { return connections_; }

 private:
  friend class ClientConnection;
  friend class ClientCallImpl;

  std::unique_ptr<ClientConnection> takeIdle(const std::string& origin);
  void keepIdle(std::unique_ptr<ClientConnection> connection);
  void dropIdle(ClientConnection& connection);
  void discard(std::unique_ptr<ClientConnection> connection);

  net::Loop& loop_;
  net::Resolver& resolver_;
  const net::TlsClientContext* tls_;
  HttpLimits limits_;
  std::list<std::unique_ptr<ClientConnection>> idle_;                             // longest idle first
  std::unordered_map<std::string, std::vector<ClientConnection*>> idleByOrigin_;  // newest last
  size_t connections_ = 0;
  std::vector<std::byte> readBuffer_;  // shared; used within one callback
};

}  // namespace weir::http
