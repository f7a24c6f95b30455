#include "edge/sockets.h"

#include <algorithm>

namespace weir::edge {

namespace websocket = http::websocket;

SocketPump& Sockets::add(wire::StreamId number, std::unique_ptr<websocket::Channel> channel) {
  auto& pump = all_[number];
  pump = std::make_unique<SocketPump>(home_, voice_, owner_, number, std::move(channel));
  return *pump;
}

std::optional<http::Refusal> Sockets::openClient(http::Exchange& exchange, InnerExchange* inner,
                                                 http::HeaderList headers, wire::StreamId pipeFrom) {
  if (home_.full()) return refuse({503, "no more WebSockets can be opened"}, pipeFrom);
  if (inner != nullptr) {
    client_ = &add(0, inner->upgradeInner(headers));
  } else {
    const auto ask = websocket::readAsk(exchange.head());
    if (!ask.ok()) return refuse(ask.error(), pipeFrom);
    websocket::setAnswer(*ask, headers);
    std::optional<websocket::DeflateParameters> deflate;
    if (ask->deflate) deflate = ask->deflate->parameters;
    auto made = std::make_unique<websocket::Connection>(home_.environment(), websocket::Role::kServer, deflate);
    websocket::Connection& connection = *made;
    auto upgraded = exchange.upgrade(websocket::kProtocol, headers, connection);
    if (!upgraded) return refuse({400, "the connection cannot be upgraded"}, pipeFrom);
    client_ = &add(0, std::move(made));
    connection.start(std::move(upgraded->stream), std::move(upgraded->received));
  }
  if (SocketPump* const joined = pipeFrom > 0 ? find(pipeFrom) : nullptr) client_->join(*joined);
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
  auto made = std::make_unique<websocket::Connection>(home_.environment(), websocket::Role::kClient, deflate);
  websocket::Connection& connection = *made;
  add(number, std::move(made));
  connection.start(std::move(stream), std::move(received));
}

void Sockets::openUpstream(wire::StreamId number, std::unique_ptr<websocket::Channel> channel) {
  add(number, std::move(channel));
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
