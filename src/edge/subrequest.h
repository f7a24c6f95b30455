// Subrequest: one outbound request of an invocation, redirects included: a script's fetch() on the platform's side.
//
// start → waits its turn (limits.md: few connections of one request may wait for a head) → begin → a head, or a
// failure, is told to the engine → the response body flows as somebody asks for it (inbound_body.h) while the request
// body may still be on its way out.
//
// Threads: its loop's. Owned by its invocation; disposed of, never destroyed from within one of its callbacks.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "catalog/origin.h"
#include "edge/forwarding.h"
#include "edge/inbound_body.h"
#include "edge/inner_call.h"
#include "edge/outbound_policy.h"
#include "edge/send_window.h"
#include "http/client.h"
#include "http/websocket/handshake.h"
#include "http/url.h"

namespace weir::edge {

// A request to another script: a call, or why there is none.
struct ServiceCall {
  std::unique_ptr<http::ClientCall> call;
  uint16_t errorCode = 0;  // without a call: the numbered error it answers with; 0: there is no such script
};

// Who makes the requests of an invocation, as the platform says it to whoever gets them.
struct Asker {
  std::string ray;       // of the client's request
  std::string clientIp;  // empty: there is no client
  std::string zone;      // FetchFrom
  std::string account;   // id
  std::string script;
  bool strictlyPublic = false;
  uint8_t invocationsLeft = 0;  // in the chain of the invocation, itself included
};

// How a request of a script leaves, to a host that may be one of this platform.
struct HostWay {
  Toward toward = Toward::kOutside;
  uint16_t errorCode = 0;                 // it does not: this answers
  bool inside = false;                    // callHost
  bool pastRoutes = false;                // then
  std::optional<catalog::Origin> origin;  // in the place of the URL's host
};

// Who starts requests that are answered in this process.
class ServiceCaller {
 public:
  // `service` is the number of a binding, from 1; any number. `events` is borrowed while the call lives.
  virtual ServiceCall callService(uint32_t service, http::ClientRequest request, InnerCallEvents& events) = 0;
  virtual HostWay wayTo(const http::Url& url) = 0;
  virtual std::unique_ptr<http::ClientCall> callHost(const HostWay& way, http::ClientRequest request,
                                                     InnerCallEvents& events) = 0;

 protected:
  ~ServiceCaller() = default;
};

// What a subrequest's invocation has to know and to say.
class SubrequestOwner {
 public:
  // One more request is about to go out, the first or a redirect's. False: it would be over the script's limit.
  virtual bool countRequest() = 0;
  // One that had begun no longer waits for its response head: another may begin.
  virtual void onHeadSettled() = 0;
  // A request to a service binding.
  virtual ServiceCall callService(uint32_t service, http::ClientRequest request, InnerCallEvents& events) = 0;
  virtual HostWay wayTo(const http::Url& url) = 0;
  // One that comes in again by the front door. Never null.
  virtual std::unique_ptr<http::ClientCall> callHost(const HostWay& way, http::ClientRequest request,
                                                     InnerCallEvents& events) = 0;

 protected:
  ~SubrequestOwner() = default;
};

// Who takes the connection of a subrequest that became a WebSocket.
class SocketTaker {
 public:
  // 16 random bytes to key a handshake with; empty: no more sockets can be opened.
  virtual std::string makeSocketKey() = 0;
  virtual void onSocket(uint32_t number, const std::optional<http::websocket::DeflateParameters>& deflate,
                        std::unique_ptr<net::Stream> stream, std::string received) = 0;
  virtual void onSocket(uint32_t number, std::unique_ptr<http::websocket::Channel> channel) = 0;

 protected:
  ~SocketTaker() = default;
};

class Subrequest final : private InnerCallEvents, private BodySource, private BodySink {
 public:
  struct Context {
    http::Client& client;
    const base::Clock& clock;
    SubrequestOwner& owner;
    SocketTaker& sockets;
    EngineVoice& voice;
    const OutboundPolicy& outbound;
    const Asker& asker;
  };
  // Everything borrowed; it outlives this.
  Subrequest(const Context& context, const wire::Subrequest& effect);

  uint32_t number() const { return number_; }
  // Bytes it holds while it waits its turn.
  size_t heldBytes() const { return request_.body.size() + request_.headers.textBytes() + request_.target.size(); }
  wire::BodyKind uploadKind() const { return uploadKind_; }

  // Sends the request. A failure is told to the engine like any other.
  void begin();
  // It is not sent: a failure with this message instead.
  void refuse(std::string_view message) { fail(wire::SubrequestFailure::kOther, message); }

  // The response body. Of use once the head was told.
  InboundBody& body() { return body_; }
  bool headTold() const { return headTold_; }
  // It holds one of the chain's places for that.
  bool awaitsHead() const { return awaitsHead_; }
  // To another script, or the assets of the same.
  bool isService() const { return service_ != 0; }
  bool hasBody() const { return hasBody_; }
  bool hasConnection() const { return call_ != nullptr; }

  // The request body from another body, for uploadKind() kPipe. False: that body was asked for already.
  [[nodiscard]] bool uploadFrom(InboundBody& source);
  // The body it is uploading from, or null.
  InboundBody* uploadSource() const { return uploadSource_; }
  // The sink of its body has taken enough to take more.
  void onSinkDrained() { body_.onSinkDrained(); }

  // The engine's part of the request body; false: not what the protocol allows.
  [[nodiscard]] bool onUploadChunk(std::span<const std::byte> bytes);
  [[nodiscard]] bool onUploadEnd();
  [[nodiscard]] bool onUploadAbort();

  // The script does not want it any more. Nothing is told to the engine; a sink of its body sees it break.
  void cancel(std::string_view reason);
  // Gives the connection back to make room; whoever reads the body later sees it broken.
  void evict(std::string_view reason);
  // Lets go of everything it is tied to, silently: before it and others of its invocation are destroyed.
  void detach();

  // Nothing can come of it any more; it may be forgotten.
  bool over() const { return begun_ && !call_ && uploadOver_ && (body_.over() || !hasBody_); }

 private:
  // False: it has failed or was answered already.
  bool open();
  bool openService();
  void fail(wire::SubrequestFailure failure, std::string_view message, std::string_view name = {});
  void respondInstead(uint16_t status, int code);
  void settleHead();
  void replay();
  void endUpload();
  void giveUploadCredit(bool all);
  bool followRedirect(const http::ResponseHead& head, std::string_view location);

  // http::CallEvents
  void onHead(const http::ResponseHead& head) override;
  void onBody(std::span<const std::byte> bytes) override { body_.onBytes(bytes); }
  void onEnd() override;
  void onError(const http::ClientError& error) override;
  void onException(std::string_view name, std::string_view message) override;
  void onDrained() override;
  void onUpgraded(std::unique_ptr<net::Stream> stream, std::string received) override;
  void onChannel(std::unique_ptr<http::websocket::Channel> channel) override;
  // BodySource, of the response
  void readBody(uint64_t bytes) override;
  void stopBody() override;
  // BodySink, of the request
  bool takeBody(std::span<const std::byte> bytes) override;
  void endBody() override;
  void breakBody(std::string_view reason) override;
  size_t bodyPending() const override { return early_.size() + (call_ ? call_->pendingBytes() : 0); }

  const Context context_;
  const uint32_t number_;
  const wire::BodyKind uploadKind_;
  const wire::Redirect redirect_;
  const uint32_t service_;  // 0: the network
  http::ClientRequest request_;
  bool asksForSocket_ = false;
  std::optional<http::websocket::Offer> offer_;                // made when the request is sent over the network
  std::optional<http::websocket::DeflateParameters> deflate_;  // what was agreed then
  std::optional<http::Url> url_;
  std::string givenUrl_;
  std::unique_ptr<http::ClientCall> call_;
  InboundBody body_;
  InboundBody* uploadSource_ = nullptr;
  SendWindow window_;  // of the engine, for uploadKind_ kStream
  std::string early_;  // of the request body, before begin()
  int redirects_ = 0;
  bool begun_ = false;
  bool awaitsHead_ = false;
  bool headTold_ = false;
  bool hasBody_ = false;
  bool uploadOver_ = true;  // nothing of the request body is taken any more
  bool engineEndedUpload_ = false;
  bool replayable_;
  bool replaying_ = false;  // the engine was asked for the body anew, and has not begun
};

}  // namespace weir::edge
