// ClientCallImpl: one request of a Client, from the address to the end of the response. Part of the client; others
// include http/client.h.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/client_connection.h"
#include "net/drop_flag.h"

namespace weir::http {

class ClientCallImpl final : public ClientCall {
 public:
  ClientCallImpl(Client& client, ClientRequest request, CallEvents& events);
  ~ClientCallImpl() override;

  void begin();

  void readMore(uint64_t bytes) override;
  bool write(std::span<const std::byte> bytes) override;
  void finish() override;
  size_t pendingBytes() const override {
    return unsent_.size() + (sending() ? connection_->stream_->pendingBytes() : 0);
  }

 private:
  friend class ClientConnection;

  // From the connection
  void onConnected();
  void onReadable();
  void onDrained();
  void onStreamError(const net::StreamError& error);

  void onHead(const ResponseHead& head);
  void onBody(std::span<const std::byte> bytes);

  bool sending() const { return connection_ && connected_; }
  void acquire();
  void onResolved(const base::Result<net::Addresses>& result);
  void connectNext();
  void sendRequest();
  void onStep();
  void consume(std::span<const std::byte> bytes, bool held);
  void settleReading();
  void settleTimer();
  void lost(std::string message);
  void fail(ClientErrorKind kind, std::string message);
  void release();
  void onTimer();
  void schedule() { step_.schedule(); }

  Client& client_;
  ClientRequest request_;
  CallEvents* events_;  // null once the last event was told
  std::string head_;
  std::string unsent_;  // request body written before the connection was up
  bool bodyFinished_ = false;
  bool finishSent_ = false;
  uint64_t bodyRemaining_ = 0;
  std::shared_ptr<net::Resolver::Query> query_;
  net::Addresses addresses_;
  size_t nextAddress_ = 0;
  uint32_t tried_ = 0;
  uint16_t refusal_ = 0;  // of the last address that the policy refused
  std::string lastError_;
  ClientErrorKind lastErrorKind_ = ClientErrorKind::kConnect;
  std::unique_ptr<ClientConnection> connection_;
  bool connected_ = false;
  bool retried_ = false;
  bool responseByte_ = false;
  enum class Owed { kNothing, kTaking, kHead, kBody } owed_ = Owed::kNothing;  // by the upstream
  uint64_t received_ = 0;                                                      // bytes behind the head
  uint64_t progressMark_ = 0;                                                  // both ways, when the timer was armed
  bool headTold_ = false;
  bool ended_ = false;
  bool begun_ = false;
  uint64_t granted_ = 0;
  std::string held_;                   // read beyond the grant
  std::optional<ClientError> failed_;  // to be told from the loop
  base::Instant connectDeadline_{};
  net::Timer timer_;
  net::DeferredTask step_;
  net::DropFlag dropFlag_;
};

}  // namespace weir::http
