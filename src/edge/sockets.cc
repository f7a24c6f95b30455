#include "edge/sockets.h"

#include <algorithm>

namespace weir::edge {

namespace websocket = http::websocket;

std::optional<http::Refusal> Sockets::openClient(http::Exchange& exchange, http::HeaderList headers, wire::StreamId pipeFrom) {
  const auto ask = websocket::readAsk(exchange.head());
  if (!ask.ok()) return refuse(ask.error(), pipeFrom);
  if (home_.full()) return refuse({503, "no more WebSockets can be opened"}, pipeFrom);
  SocketPump* const joined = pipeFrom > 0 ? find(pipeFrom) : nullptr;
  websocket::setAnswer(*ask, headers);
  std::optional<websocket::DeflateParameters> deflate;
  if (ask->deflate) deflate = ask->deflate->parameters;
  auto& pump = all_[0];
  pump = std::make_unique<SocketPump>(home_, voice_, owner_, 0, websocket::Role::kServer, deflate);
  auto upgraded = exchange.upgrade(websocket::kProtocol, headers, pump->handler());
  if (!upgraded) {
    all_.erase(0);
    return refuse({400, "the connection cannot be upgraded"}, pipeFrom);
  }
  client_ = pump.get();
  client_->start(std::move(upgraded->stream), std::move(upgraded->received));
  if (joined != nullptr) client_->join(*joined);
  return std::nullopt;
}

std::optional<http::Refusal> Sockets::refuse(const http::Refusal& refusal, wire::StreamId pipeFrom) {
  if (pipeFrom > 0) {
    if (SocketPump* joined = find(pipeFrom)) joined->fail(websocket::kGoingAway);
  } else {
    wire::SocketClose close;
    close.invocation = voice_.id();
    close.end = wire::SocketEnd::kLost;
    close.code = websocket::kLost;
    voice_.say(close);
  }
  return refusal;
}

void Sockets::openUpstream(wire::StreamId number, const std::optional<websocket::DeflateParameters>& deflate,
                           std::unique_ptr<net::Stream> stream, std::string received) {
  auto& pump = all_[number];
  pump = std::make_unique<SocketPump>(home_, voice_, owner_, number, websocket::Role::kClient, deflate);
  pump->start(std::move(stream), std::move(received));
}

SocketPump* Sockets::find(wire::StreamId number) {
  const auto at = all_.find(number);
  return at == all_.end() ? nullptr : at->second.get();
}

void Sockets::endEngine(uint16_t clientCode) {
  for (const auto& [number, pump] : all_) pump->endEngine(number == 0 ? clientCode : websocket::kGoingAway);
}

bool Sockets::ended() const {
  return std::all_of(all_.begin(), all_.end(), [](const auto& entry) { return entry.second->ended(); });
}

}  // namespace weir::edge
