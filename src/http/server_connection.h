// One client connection of a server: decodes, keeps time, and is the exchange while a request is open. Private to the
// server.
#pragma once

#include "http/codec/request_decoder.h"
#include "http/server.h"

namespace weir::http {

class ServerConnection final : public Exchange, private RequestSink, private net::StreamHandler {
 public:
  ServerConnection(Server& server, net::Fd socket, const net::Address& remote);
  ~ServerConnection() = default;

  // Between requests, nothing begun.
  bool idle() const { return list_ == &server_.idle_; }
  // Closes the socket and leaves the server; an open exchange hears onGone. The object lives until the iteration ends.
  void close();
  void flushCorked();
  // The server ends. An idle connection is closed, unless a request is there, or may be on its way on a new one.
  void drain();

  // Exchange
  const RequestHead& head() const override { return decoder_.head(); }
  const net::Address& remoteAddress() const override { return remote_; }
  std::string_view remoteIp() const override { return remoteIp_; }
  bool isTls() const override { return stream_ && stream_->isTls(); }
  void setEvents(ExchangeEvents& events) override { events_ = &events; }
  std::optional<std::span<const std::byte>> takeCompleteBody() override;
  void setBodyBytesMax(uint64_t bytesMax) override;
  void readMore(uint64_t bytes) override;
  bool respond(uint16_t status, const HeaderList& headers, std::string_view body) override;
  bool startResponse(uint16_t status, const HeaderList& headers, std::optional<uint64_t> contentLength) override;
  WriteOutcome write(std::span<const std::byte> bytes) override;
  bool finish() override;
  void abort() override;
  bool responseStarted() const override { return responseStarted_; }
  size_t pendingBytes() const override { return corked_.size() + (stream_ ? stream_->pendingBytes() : 0); }
  std::optional<Upgraded> upgrade(std::string_view protocol, const HeaderList& headers,
                                  net::StreamHandler& handler) override;

 private:
  friend class Server;

  enum class BodyMode {
    kGranted,  // delivered as the handler grants
    kSkipped,  // taken whole, or nobody wants it any more
  };
  enum class Waiting { kNothing, kRequest, kHead, kExchange, kLinger };

  // net::StreamHandler
  void onReadable() override;
  void onDrained() override;
  void onPeerFinished() override;
  void onError(const net::StreamError& error) override;
  // RequestSink
  void onHead(const RequestHead& head) override;
  void onBody(std::span<const std::byte> bytes) override;
  void onEnd() override;

  // Feeds `bytes` as far as the state allows and returns how much was consumed.
  size_t consume(std::span<const std::byte> bytes);
  bool mayFeed() const;
  void resume();
  void dispatch(std::span<const std::byte> behindHead);
  void refuse(const Refusal& refusal);
  void refuseBody(const Refusal& refusal);
  void endResponse();
  void tally(uint16_t status);
  void settle();
  void beginLinger();
  void scheduleFlush();
  void unscheduleFlush();
  // `whole`: the response is sent in one go, so what is left of the body is left for good.
  bool willKeepAlive(bool whole) const;
  std::string_view connectionField() const;
  void send(std::string_view head, std::string_view body);
  void moveTo(std::list<ServerConnection*>& list);
  void wait(Waiting what);
  void onTimer();
  void onExchangeTimer();

  Server& server_;
  net::Address remote_;
  const std::string remoteIp_;
  std::unique_ptr<net::Stream> stream_;  // null once closed
  RequestDecoder decoder_;
  std::list<ServerConnection*>* list_ = nullptr;
  std::list<ServerConnection*>::iterator place_;
  net::Timer timer_;
  net::DeferredTask resume_;
  Waiting waiting_ = Waiting::kNothing;

  std::string held_;    // read, and not yet wanted: pipelined requests, body beyond the grant
  size_t heldAt_ = 0;   // consumed prefix of it
  std::string corked_;  // response bytes that leave together at the end of the iteration
  bool flushScheduled_ = false;

  // The current exchange
  ExchangeEvents* events_ = nullptr;
  std::span<const std::byte> completeBody_;  // within onRequest
  std::span<const std::byte> behindHead_;    // likewise
  uint64_t requests_ = 0;                    // handed over, this one included
  bool open_ = false;                        // handed to the handler and not dead
  bool requestEnded_ = true;                 // the decoder has seen its end
  bool dispatching_ = false;
  bool headArrived_ = false;
  bool endArrived_ = false;  // to be reported once feeding is over
  bool hasCompleteBody_ = false;
  bool continueDue_ = false;  // "100 Continue" is expected and not sent
  bool bodyAsked_ = false;
  bool endDue_ = false;  // onBodyEnd is owed for a request without a body
  bool responseStarted_ = false;
  bool bodyless_ = false;  // the response has no body whatever is written
  bool closeAfter_ = false;
  bool processing_ = false;
  bool lingering_ = false;
  bool peerFinished_ = false;
  BodyMode bodyMode_ = BodyMode::kGranted;
  Framing responseFraming_ = Framing::kNone;
  uint64_t responseRemaining_ = 0;
  uint16_t status_ = 0;        // of the response that was begun
  uint64_t takenBytes_ = 0;    // of the request body, by the handler
  uint64_t writtenBytes_ = 0;  // of the response body
  base::Instant dispatchedAt_{};
  uint64_t bodyBytesMax_ = 0;
  uint64_t granted_ = 0;
  uint64_t lingerBytes_ = 0;  // read and dropped since the last look
  base::Instant lingerUntil_{};
  uint64_t sentMark_ = 0;  // stream's sentBytes when progress was last seen
  base::Instant sentMarkAt_{};
  base::Instant bodyMarkAt_{};
};

}  // namespace weir::http
