// Heads and bytes as the wire has them and as HTTP has them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "http/message.h"
#include "wire/message.h"

namespace weir::edge {

// The fields of a head from an engine, all of them: encoders leave out those that frame a message.
http::HeaderList headersOf(wire::HeadBlock head);
// What a script sees of a request: everything but the fields that its connection names as its own.
void appendHead(std::string& out, const http::RequestHead& head);
// The same of a request from outside, with what the platform says of the client in the place of what it says itself:
// CF-Ray, CF-Connecting-IP, CF-IPCountry, CF-Visitor, X-Real-IP, X-Forwarded-Proto.
struct ClientFacts {
  std::string_view ray;
  std::string_view ip;
  bool tls = false;
  std::optional<uint8_t> invocationsLeft;  // where another was invoked before on the same request: CF-EW-Via
};
void appendClientHead(std::string& out, const http::RequestHead& head, const ClientFacts& client);
// What a script sees of a response: nothing that belongs to the connection it came on.
void appendHead(std::string& out, const http::ResponseHead& head);

inline std::span<const std::byte> asBytes(wire::Bytes bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}
inline wire::Bytes asWire(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

// Calls `emit` with pieces of `bytes` that one message can carry.
template <class Emit>
void inChunks(std::span<const std::byte> bytes, Emit&& emit) {
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min<size_t>(bytes.size(), wire::Bounds::kChunkBytesMax));
    emit(part);
    bytes = bytes.subspan(part.size());
  }
}

}  // namespace weir::edge
