// Sockets: the WebSockets of one invocation: the client's (0) and those its script opened (by subrequest).
//
// Threads: its loop's.
#pragma once

#include <map>
#include <memory>

#include "edge/inner_call.h"
#include "edge/socket_pump.h"
#include "http/server.h"
#include "http/websocket/handshake.h"

namespace weir::edge {

class Sockets {
 public:
  // All borrowed; they outlive it.
  Sockets(SocketHome& home, EngineVoice& voice, SocketPumpOwner& owner) : home_(home), voice_(voice), owner_(owner) {}

  // Answers the exchange with 101 and `headers`, and takes its connection: for the script, or joined with socket
  // `pipeFrom` > 0. A refusal (400, 426 or 503) leaves the exchange open; the engine has been told of a loss.
  // `inner`: the same exchange when the client is a script, else null.
  std::optional<http::Refusal> openClient(http::Exchange& exchange, InnerExchange* inner, http::HeaderList headers,
                                          wire::StreamId pipeFrom);
  // The connection of a subrequest that was answered with 101.
  void openUpstream(wire::StreamId number, const std::optional<http::websocket::DeflateParameters>& deflate,
                    std::unique_ptr<net::Stream> stream, std::string received);
  // The same of a subrequest that another script answered.
  void openUpstream(wire::StreamId number, std::unique_ptr<http::websocket::Channel> channel);

  // Null: there never was one of that number.
  SocketPump* find(wire::StreamId number);

  // The engine has said its last word: what it held is closed with `clientCode`, or 1001 for those it had opened.
  void endEngine(uint16_t clientCode);

  // The client's is over, or there is none.
  bool clientOver() const { return client_ == nullptr || client_->over(); }
  bool clientLost() const { return client_ != nullptr && client_->lost(); }
  uint64_t clientBytes() const { return client_ == nullptr ? 0 : client_->sentBytes(); }
  // No connection is left.
  bool ended() const;

 private:
  SocketPump& add(wire::StreamId number, std::unique_ptr<http::websocket::Channel> channel);
  std::optional<http::Refusal> refuse(const http::Refusal& refusal, wire::StreamId pipeFrom);

  SocketHome& home_;
  EngineVoice& voice_;
  SocketPumpOwner& owner_;
  std::map<wire::StreamId, std::unique_ptr<SocketPump>> all_;
  SocketPump* client_ = nullptr;
};

}  // namespace weir::edge
